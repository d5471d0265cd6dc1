// SPDX-License-Identifier: Apache-2.0
//! The sessions of one worker: datagrams in, at most one datagram out; commands in, events and deadlines out.
//!
//! Both ends of a bridge are always in one relay, so that forwarding needs no lock. A caller drains
//! `next_event` and re-reads `next_deadline` after each command and each batch of datagrams.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::datagram::Datagram;
use crate::error::MediaError;
use crate::event::Event;
use crate::payload_map::PayloadMap;
use crate::playback::{PlayRequest, Playback};
use crate::reports::{next_interval_us, ntp_at};
use crate::rtp::RtpHeader;
use crate::session::{Received, Remote, Session, SessionStatistics};
use crate::slab::{SessionKey, Slab};
use crate::srtp::SrtpKeys;
use crate::tap::AudioTap;
use crate::timers::{TIMER_KINDS, TimerKind, Timers};

/// One of the two ports of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The even port.
    Rtp,
    /// The odd port above it.
    Rtcp,
}

/// Where a received datagram, possibly patched in place, has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// The session that sends it.
    pub key: SessionKey,
    /// The port of that session that sends it.
    pub component: Component,
    /// Where to.
    pub destination: SocketAddr,
}

/// A datagram that the relay made itself.
#[derive(Debug, Clone, Copy)]
pub struct Transmit<'a> {
    /// From and to.
    pub forward: Forward,
    /// The datagram.
    pub packet: &'a [u8],
}

/// What all sessions of a relay share.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// CNAME of own reports (RFC 7022).
    pub cname: String,
    /// The NTP time stamp (32.32 fixed point) of `now_us` = 0.
    pub ntp_at_zero: u64,
}

/// A set of sessions, alone or bridged in pairs.
#[derive(Debug)]
pub struct Relay {
    pub(crate) config: RelayConfig,
    pub(crate) sessions: Slab<Session>,
    pub(crate) timers: Timers,
    pub(crate) events: VecDeque<Event>,
    pub(crate) scratch: Vec<u8>,
}

impl Relay {
    /// A relay without sessions.
    #[must_use]
    pub fn new(config: RelayConfig) -> Self {
        let (timers, events) = (Timers::default(), VecDeque::new());
        Self { config, sessions: Slab::new(), timers, events, scratch: Vec::new() }
    }

    /// Adds a session, new or taken out of another relay; its deadlines are armed here.
    pub fn insert(&mut self, mut session: Box<Session>, now_us: u64) -> SessionKey {
        if session.deadlines.get(TimerKind::Report).is_none() {
            let due_us = now_us + next_interval_us(&mut session.report_random);
            session.deadlines.set(TimerKind::Report, Some(due_us));
        }
        let key = self.sessions.insert(session);
        self.arm_inactivity(key);
        if let Some(session) = self.sessions.get(key) {
            for kind in TIMER_KINDS {
                if let Some(due_us) = session.deadlines.get(kind) {
                    self.timers.push(due_us, key, kind);
                }
            }
        }
        key
    }

    /// Takes a session out, bridge dissolved, playback and deadlines kept, to insert it elsewhere.
    pub fn remove(&mut self, key: SessionKey) -> Option<Box<Session>> {
        self.unbridge(key).ok()?;
        self.sessions.remove(key)
    }

    /// Ends a session: a playback is reported as stopped.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn destroy(&mut self, key: SessionKey) -> Result<SessionStatistics, MediaError> {
        self.stop(key)?;
        let session = self.remove(key).ok_or(MediaError::UnknownSession)?;
        Ok(session.statistics())
    }

    /// Sessions held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn session(&mut self, key: SessionKey) -> Result<&mut Session, MediaError> {
        self.sessions.get_mut(key).ok_or(MediaError::UnknownSession)
    }

    /// Sets where the remote is and arms learning once; inactivity counts from now.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn set_remote(&mut self, key: SessionKey, remote: &Remote, now_us: u64) -> Result<(), MediaError> {
        let session = self.session(key)?;
        session.set_remote(remote);
        session.active_at_us = now_us;
        session.is_inactive = false;
        self.arm_inactivity(key);
        Ok(())
    }

    /// Sets the keys of a session's remote; `None`: plain RTP. A direction whose key is unchanged goes on.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn set_srtp(&mut self, key: SessionKey, keys: Option<&SrtpKeys>) -> Result<(), MediaError> {
        self.session(key)?.set_srtp(keys);
        Ok(())
    }

    /// Sets the payload types of packets sent to this session's remote.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn set_payload_map(&mut self, key: SessionKey, map: PayloadMap) -> Result<(), MediaError> {
        self.session(key)?.payload_map = map;
        Ok(())
    }

    /// Sets the silence that is reported, 0 for none; counts from now.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn set_inactivity(&mut self, key: SessionKey, us: u64, now_us: u64) -> Result<(), MediaError> {
        let session = self.session(key)?;
        session.inactivity_us = us;
        session.active_at_us = now_us;
        session.is_inactive = false;
        session.deadlines.set(TimerKind::Inactivity, None);
        self.arm_inactivity(key);
        Ok(())
    }

    /// Joins two sessions, or one with itself for echo; earlier bridges of either end.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn bridge(&mut self, a: SessionKey, b: SessionKey) -> Result<(), MediaError> {
        self.session(b)?;
        self.unbridge(a)?;
        self.unbridge(b)?;
        self.session(a)?.peer = Some(b);
        self.session(b)?.peer = Some(a);
        Ok(())
    }

    /// Separates a session from its peer; does nothing when there is none.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn unbridge(&mut self, key: SessionKey) -> Result<(), MediaError> {
        if let Some(peer) = self.session(key)?.peer.take()
            && let Ok(peer) = self.session(peer)
        {
            peer.peer = None;
        }
        Ok(())
    }

    /// Starts a prompt, which replaces one in progress and the peer's audio while it lasts.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn play(&mut self, key: SessionKey, request: PlayRequest, now_us: u64) -> Result<(), MediaError> {
        self.stop(key)?;
        let session = self.session(key)?;
        let event = Event::PlayStarted { session: session.id.clone(), play: request.play.clone() };
        let due_us = session.own_stream.earliest(now_us);
        session.playback = Some(Playback::new(request, due_us));
        session.deadlines.set(TimerKind::Playback, Some(due_us));
        self.timers.push(due_us, key, TimerKind::Playback);
        self.events.push_back(event);
        Ok(())
    }

    /// Stops the prompt in progress, if any.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn stop(&mut self, key: SessionKey) -> Result<(), MediaError> {
        let session = self.session(key)?;
        session.deadlines.set(TimerKind::Playback, None);
        if let Some(playback) = session.playback.take() {
            let event = Event::PlayStopped { session: session.id.clone(), play: playback.play().clone() };
            self.events.push_back(event);
        }
        Ok(())
    }

    /// Whether somebody listens to a session.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn is_tapped(&self, key: SessionKey) -> Result<bool, MediaError> {
        self.sessions.get(key).map(|session| session.tap.is_some()).ok_or(MediaError::UnknownSession)
    }

    /// Has somebody listen to a session instead of who did before, who is given back; `None`: nobody.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn set_tap(
        &mut self,
        key: SessionKey,
        tap: Option<Box<dyn AudioTap>>,
    ) -> Result<Option<Box<dyn AudioTap>>, MediaError> {
        Ok(std::mem::replace(&mut self.session(key)?.tap, tap))
    }

    /// A snapshot of a session's counters.
    ///
    /// # Errors
    /// `UnknownSession`.
    pub fn statistics(&self, key: SessionKey) -> Result<SessionStatistics, MediaError> {
        self.sessions.get(key).map(Session::statistics).ok_or(MediaError::UnknownSession)
    }

    /// Counts a datagram that the socket refused to send.
    pub fn record_send_error(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.counters.send_errors += 1;
        }
    }

    /// Counts a datagram that did not fit the receive buffer, so it cannot be judged.
    pub fn record_oversized(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.counters.dropped_invalid += 1;
        }
    }

    /// Takes the oldest event.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The time at which `handle_timer` has to be called, if any.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next_due()
    }

    /// Takes a datagram; what comes back is to be sent with the datagram's octets, which may be patched,
    /// decrypted and encrypted; its buffer needs `SPARE_LEN` octets behind it.
    pub fn receive(
        &mut self,
        key: SessionKey,
        component: Component,
        datagram: &mut Datagram<'_>,
        source: SocketAddr,
        now_us: u64,
    ) -> Option<Forward> {
        let ntp_at_zero = self.config.ntp_at_zero;
        let session = self.sessions.get_mut(key)?;
        let received = match component {
            Component::Rtp => session.accept_rtp(datagram, source, now_us)?,
            Component::Rtcp => {
                let accepted = session.accept_rtcp(datagram, source, ntp_at(ntp_at_zero, now_us), now_us);
                return if accepted { self.forward_rtcp(key, datagram) } else { None };
            }
        };
        match received {
            Received::Rtp(header) => {
                if session.reception.packets() == 1 {
                    self.events.push_back(Event::MediaStarted { session: session.id.clone() });
                }
                if session.is_inactive {
                    session.is_inactive = false;
                    self.arm_inactivity(key);
                }
                self.forward_rtp(key, datagram, &header, now_us)
            }
            Received::Rtcp => {
                let ntp = ntp_at(ntp_at_zero, now_us);
                let accepted = session.record_rtcp(datagram.octets(), ntp, now_us);
                if accepted { self.forward_rtcp(key, datagram) } else { None }
            }
        }
    }

    fn forward_rtp(
        &mut self,
        from: SessionKey,
        datagram: &mut Datagram<'_>,
        header: &RtpHeader,
        now_us: u64,
    ) -> Option<Forward> {
        let key = self.sessions.get(from)?.peer?;
        let target = self.sessions.get_mut(key)?;
        let destination = if key == from {
            target.echo_rtp(datagram, header, now_us)
        } else {
            target.forward_rtp(datagram, header, now_us)
        }?;
        Some(Forward { key, component: Component::Rtp, destination })
    }

    /// Reports go to the peer while both hear each other; those about or from a prompt are the engine's own.
    fn forward_rtcp(&mut self, from: SessionKey, datagram: &mut Datagram<'_>) -> Option<Forward> {
        let session = self.sessions.get(from)?;
        let key = session.peer.filter(|&peer| peer != from)?;
        let is_playing = session.playback.is_some();
        let target = self.sessions.get_mut(key)?;
        if is_playing || target.playback.is_some() {
            return None;
        }
        let (destination, is_muxed) = target.rtcp_destination()?;
        if !target.protect_rtcp(datagram) {
            return None;
        }
        target.counters.rtcp_sent += 1;
        Some(Forward { key, component: component_for(is_muxed), destination })
    }
}

/// The port that RTCP leaves by.
pub(crate) fn component_for(is_muxed: bool) -> Component {
    if is_muxed { Component::Rtp } else { Component::Rtcp }
}
