// SPDX-License-Identifier: Apache-2.0
//! What a relay does by itself when time passes: prompt packets, inactivity checks, reports.

use crate::datagram::{Datagram, SPARE_LEN};
use crate::event::Event;
use crate::playback::{Due, MAX_CATCH_UP_PACKETS, PACKET_LEN, PACKET_US};
use crate::relay::{Component, Forward, Relay, Transmit, component_for};
use crate::reports::{next_interval_us, ntp_at};
use crate::rtp::RtpHeader;
use crate::slab::SessionKey;
use crate::tap::Direction;
use crate::timers::TimerKind;

impl Relay {
    /// Does what is due at `now_us`; datagrams to send go to `emit`.
    pub fn handle_timer(&mut self, now_us: u64, emit: &mut dyn FnMut(Transmit<'_>)) {
        while let Some((due_us, key, kind)) = self.timers.pop_due(now_us) {
            let is_current =
                self.sessions.get(key).is_some_and(|session| session.deadlines.get(kind) == Some(due_us));
            if !is_current {
                continue;
            }
            match kind {
                TimerKind::Playback => self.send_prompt(key, now_us, emit),
                TimerKind::Inactivity => self.check_inactivity(key, now_us),
                TimerKind::Report => self.send_report(key, now_us, emit),
            }
        }
    }

    fn send_prompt(&mut self, key: SessionKey, now_us: u64, emit: &mut dyn FnMut(Transmit<'_>)) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(mut playback) = session.playback.take() else { return };
        for _ in 0..MAX_CATCH_UP_PACKETS {
            match playback.next(&mut session.own_stream, now_us) {
                Due::Packet(packet) => {
                    if let Some(destination) = session.rtp_destination() {
                        if session.tap.is_some()
                            && let Ok(header) = RtpHeader::parse(&packet)
                        {
                            session.listen(Direction::ToRemote, &packet, &header, now_us);
                        }
                        let forward = Forward { key, component: Component::Rtp, destination };
                        if !session.is_srtp() {
                            session.count_sent(packet.len());
                            emit(Transmit { forward, packet: &packet });
                            continue;
                        }
                        let mut buffer = [0; PACKET_LEN + SPARE_LEN];
                        buffer[..PACKET_LEN].copy_from_slice(&packet);
                        let mut datagram = Datagram::new(&mut buffer, PACKET_LEN);
                        if session.protect_rtp(&mut datagram) {
                            session.count_sent(PACKET_LEN);
                            emit(Transmit { forward, packet: datagram.octets() });
                        }
                    }
                }
                Due::Wait => break,
                Due::Completed => {
                    session.deadlines.set(TimerKind::Playback, None);
                    let (session, play) = (session.id.clone(), playback.play().clone());
                    self.events.push_back(Event::PlayCompleted { session, play });
                    return;
                }
            }
        }
        if playback.due_us() <= now_us {
            playback.resume_at(now_us + PACKET_US);
        }
        let due_us = playback.due_us();
        session.playback = Some(playback);
        session.deadlines.set(TimerKind::Playback, Some(due_us));
        self.timers.push(due_us, key, TimerKind::Playback);
    }

    fn check_inactivity(&mut self, key: SessionKey, now_us: u64) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.deadlines.set(TimerKind::Inactivity, None);
        if now_us.saturating_sub(session.active_at_us) >= session.inactivity_us {
            session.is_inactive = true;
            self.events.push_back(Event::Inactive { session: session.id.clone() });
        } else {
            self.arm_inactivity(key);
        }
    }

    /// Arms the check unless one is armed: an early check only finds that it has to look again later.
    pub(crate) fn arm_inactivity(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let is_armed = session.deadlines.get(TimerKind::Inactivity).is_some();
        if is_armed || session.is_inactive || session.inactivity_us == 0 {
            return;
        }
        let due_us = session.active_at_us + session.inactivity_us;
        session.deadlines.set(TimerKind::Inactivity, Some(due_us));
        self.timers.push(due_us, key, TimerKind::Inactivity);
    }

    fn send_report(&mut self, key: SessionKey, now_us: u64, emit: &mut dyn FnMut(Transmit<'_>)) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let due_us = now_us + next_interval_us(&mut session.report_random);
        session.deadlines.set(TimerKind::Report, Some(due_us));
        self.timers.push(due_us, key, TimerKind::Report);
        if session.peer.is_some_and(|peer| peer != key) && session.playback.is_none() {
            return;
        }
        let Some((destination, is_muxed)) = session.rtcp_destination() else { return };
        self.scratch.clear();
        let ntp = ntp_at(self.config.ntp_at_zero, now_us);
        if session.write_own_report(&mut self.scratch, ntp, &self.config.cname, now_us) {
            let length = self.scratch.len();
            self.scratch.resize(length + SPARE_LEN, 0);
            let mut datagram = Datagram::new(&mut self.scratch, length);
            if session.protect_rtcp(&mut datagram) {
                session.counters.rtcp_sent += 1;
                let forward = Forward { key, component: component_for(is_muxed), destination };
                emit(Transmit { forward, packet: datagram.octets() });
            }
        }
    }
}
