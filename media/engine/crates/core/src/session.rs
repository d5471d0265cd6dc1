// SPDX-License-Identifier: Apache-2.0
//! One media session: one remote, its RTP and RTCP addresses, its statistics, what is played to it.
//!
//! It must not know other sessions except by key: the relay joins them. A session without a remote accepts
//! nothing and is sent nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::datagram::Datagram;
use crate::latch::{Admission, Latch};
use crate::payload_map::PayloadMap;
use crate::playback::{OwnStream, Playback};
use crate::reports::RemoteReports;
use crate::rtcp::Compound;
use crate::rtp::{self, RtpHeader};
use crate::slab::SessionKey;
use crate::srtp::{Receiver, Srtp};
use crate::statistics::ReceiveStatistics;
use crate::tap::{Audio, AudioTap, Direction};
use crate::timers::Deadlines;

/// The random numbers of a session, drawn by the runtime (RFC 3550 5.1: SSRC, sequence and timestamp).
#[derive(Debug, Clone, Copy)]
pub struct SessionSeed {
    /// SSRC of prompts and of own reports.
    pub ssrc: u32,
    /// What an exclusive or changes the SSRC of a stream with in echo: one that comes back under the SSRC it
    /// was sent with is a loop to its sender (RFC 3550 8.2). Zero counts as one.
    pub echo_mask: u32,
    /// First sequence number of prompts.
    pub sequence: u16,
    /// First timestamp of prompts.
    pub timestamp: u32,
}

/// What a session is made of.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Name in events.
    pub id: Arc<str>,
    /// Clock of the payload in Hz, for jitter.
    pub clock_rate_hz: u32,
    /// Silence after which `Inactive` is reported; 0 never.
    pub inactivity_us: u64,
    /// Random numbers.
    pub seed: SessionSeed,
}

/// Where the remote is, from its SDP and the signaling connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remote {
    /// RTP address; `None` while the remote is unknown or on hold.
    pub rtp: Option<SocketAddr>,
    /// RTCP address; `None` means the port above RTP. Equal to `rtp` means one shared port (RFC 5761).
    pub rtcp: Option<SocketAddr>,
    /// Host that signals for the remote, the second one that may be learned.
    pub signaling_ip: Option<IpAddr>,
}

impl Remote {
    fn rtcp_or_default(&self) -> Option<SocketAddr> {
        let rtp = self.rtp?;
        // Port 65535 has no port above it; such a remote gets no RTCP.
        self.rtcp.or_else(|| rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port)))
    }
}

/// A snapshot of the counters of a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionStatistics {
    /// Accepted RTP packets.
    pub packets_received: u64,
    /// Octets of accepted RTP packets, RTP headers included.
    pub bytes_received: u64,
    /// RTP packets sent, relayed and own.
    pub packets_sent: u64,
    /// Octets of RTP packets sent, RTP headers included.
    pub bytes_sent: u64,
    /// Expected minus received packets (RFC 3550 A.3), never below zero.
    pub packets_lost: u64,
    /// Packets that came late or twice.
    pub out_of_order: u64,
    /// Interarrival jitter (RFC 3550 A.8).
    pub jitter_ms: f64,
    /// SSRC of the remote's stream.
    pub ssrc: Option<u32>,
    /// Payload type of the last packet.
    pub payload_type: Option<u8>,
    /// Datagrams from hosts that may not speak, or before the remote was known.
    pub dropped_strangers: u64,
    /// Datagrams of the right host that are neither RTP nor RTCP.
    pub dropped_invalid: u64,
    /// Packets for this remote whose payload type it did not negotiate.
    pub dropped_payload_type: u64,
    /// Datagrams of the right host that the keys of the session do not authenticate.
    pub dropped_unauthenticated: u64,
    /// Authentic datagrams that were taken before, or are too old to tell.
    pub dropped_replayed: u64,
    /// Packets that the kernel refused to send, or whose sequence number was encrypted before.
    pub send_errors: u64,
    /// Accepted RTCP compounds.
    pub rtcp_received: u64,
    /// RTCP compounds sent, relayed and own.
    pub rtcp_sent: u64,
    /// Cumulative loss that the remote last reported.
    pub remote_packets_lost: Option<i32>,
    /// Jitter that the remote last reported.
    pub remote_jitter_ms: Option<f64>,
    /// Round trip of the last report about an own stream.
    pub round_trip_ms: Option<f64>,
    /// Where RTP is sent now.
    pub remote: Option<SocketAddr>,
}

/// A session's state; made by `Relay::insert` and moved between relays as a whole.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: Arc<str>,
    pub(crate) peer: Option<SessionKey>,
    pub(crate) playback: Option<Playback>,
    pub(crate) own_stream: OwnStream,
    pub(crate) reception: ReceiveStatistics,
    pub(crate) remote_reports: RemoteReports,
    pub(crate) deadlines: Deadlines,
    pub(crate) inactivity_us: u64,
    pub(crate) active_at_us: u64,
    pub(crate) is_inactive: bool,
    pub(crate) reported_packets: u32,
    pub(crate) reported_received: u64,
    pub(crate) report_random: u32,
    pub(crate) counters: SessionStatistics,
    pub(crate) payload_map: PayloadMap,
    pub(crate) tap: Option<Box<dyn AudioTap>>,
    /// `None`: the remote speaks plain RTP.
    pub(crate) srtp: Option<Box<Srtp>>,
    /// What `srtp` was before the remote spoke plain RTP.
    pub(crate) parked_srtp: Option<Box<Srtp>>,
    rtp_latch: Latch,
    rtcp_latch: Latch,
    is_muxed: bool,
    echo_mask: u32,
    clock_rate_hz: u32,
}

/// What an accepted datagram was.
pub(crate) enum Received {
    Rtp(RtpHeader),
    Rtcp,
}

impl Session {
    /// A session without a remote.
    #[must_use]
    pub fn new(config: SessionConfig, now_us: u64) -> Self {
        let seed = config.seed;
        Self {
            id: config.id,
            peer: None,
            playback: None,
            own_stream: OwnStream::new(seed.ssrc, seed.sequence, seed.timestamp),
            reception: ReceiveStatistics::default(),
            remote_reports: RemoteReports::default(),
            deadlines: Deadlines::default(),
            inactivity_us: config.inactivity_us,
            active_at_us: now_us,
            is_inactive: false,
            reported_packets: 0,
            reported_received: 0,
            // Xorshift stays at zero for ever, so zero is avoided.
            report_random: seed.ssrc | 1,
            counters: SessionStatistics::default(),
            payload_map: PayloadMap::default(),
            tap: None,
            srtp: None,
            parked_srtp: None,
            rtp_latch: Latch::default(),
            rtcp_latch: Latch::default(),
            is_muxed: false,
            echo_mask: seed.echo_mask.max(1),
            clock_rate_hz: config.clock_rate_hz.max(1),
        }
    }

    pub(crate) fn set_remote(&mut self, remote: &Remote) {
        let rtcp = remote.rtcp_or_default();
        self.is_muxed = remote.rtp.is_some() && rtcp == remote.rtp;
        self.rtp_latch.set_remote(remote.rtp, remote.signaling_ip);
        self.rtcp_latch.set_remote(rtcp, remote.signaling_ip);
    }

    /// Filters, opens and counts a datagram that came in on the RTP port.
    pub(crate) fn accept_rtp(
        &mut self,
        datagram: &mut Datagram<'_>,
        source: SocketAddr,
        now_us: u64,
    ) -> Option<Received> {
        let admission = self.rtp_latch.check(source);
        if admission == Admission::Stranger {
            self.counters.dropped_strangers += 1;
            return None;
        }
        if rtp::looks_like_rtcp(datagram.octets()) {
            if self.is_muxed {
                return self.open(datagram, Receiver::open_rtcp).then_some(Received::Rtcp);
            }
            self.counters.dropped_invalid += 1;
            return None;
        }
        if !self.open(datagram, Receiver::open_rtp) {
            return None;
        }
        let packet = datagram.octets();
        let Ok(header) = RtpHeader::parse(packet) else {
            self.counters.dropped_invalid += 1;
            return None;
        };
        self.rtp_latch.commit(source, admission);
        self.reception.record(&header, packet.len(), now_us, self.clock_rate_hz);
        self.active_at_us = now_us;
        if self.tap.is_some() {
            self.listen(Direction::FromRemote, packet, &header, now_us);
        }
        Some(Received::Rtp(header))
    }

    /// Filters, opens, counts and reads a datagram that came in on the RTCP port.
    pub(crate) fn accept_rtcp(
        &mut self,
        datagram: &mut Datagram<'_>,
        source: SocketAddr,
        ntp: u64,
        now_us: u64,
    ) -> bool {
        let admission = self.rtcp_latch.check(source);
        if admission == Admission::Stranger {
            self.counters.dropped_strangers += 1;
            return false;
        }
        let accepted =
            self.open(datagram, Receiver::open_rtcp) && self.record_rtcp(datagram.octets(), ntp, now_us);
        if accepted {
            self.rtcp_latch.commit(source, admission);
        }
        accepted
    }

    /// Reads the reports of a compound whose source was accepted; false when it is none.
    pub(crate) fn record_rtcp(&mut self, packet: &[u8], ntp: u64, now_us: u64) -> bool {
        let Ok(compound) = Compound::parse(packet) else {
            self.counters.dropped_invalid += 1;
            return false;
        };
        self.remote_reports.record(&compound, self.own_stream.ssrc, ntp, now_us);
        self.counters.rtcp_received += 1;
        true
    }

    /// Prepares a peer's RTP packet for this remote; `None` when it must not go out.
    pub(crate) fn forward_rtp(
        &mut self,
        datagram: &mut Datagram<'_>,
        header: &RtpHeader,
        now_us: u64,
    ) -> Option<SocketAddr> {
        let destination = self.rtp_latch.destination()?;
        if self.playback.is_some() {
            return None;
        }
        let Some(payload_type) = self.payload_map.get(header.payload_type) else {
            self.counters.dropped_payload_type += 1;
            return None;
        };
        if payload_type != header.payload_type {
            rtp::set_payload_type(datagram.octets_mut(), payload_type);
        }
        let length = datagram.len();
        if self.tap.is_some() {
            let sent = RtpHeader { payload_type, ..*header };
            self.listen(Direction::ToRemote, datagram.octets(), &sent, now_us);
        }
        if self.srtp.is_some() && !self.protect_rtp(datagram) {
            return None;
        }
        self.count_sent(length);
        Some(destination)
    }

    /// Prepares the session's own packet to go back to it, each of its streams as one of its own.
    pub(crate) fn echo_rtp(
        &mut self,
        datagram: &mut Datagram<'_>,
        header: &RtpHeader,
        now_us: u64,
    ) -> Option<SocketAddr> {
        rtp::set_ssrc(datagram.octets_mut(), header.ssrc ^ self.echo_mask);
        self.forward_rtp(datagram, header, now_us)
    }

    /// Gives a packet to who listens, if anybody does.
    pub(crate) fn listen(&mut self, direction: Direction, packet: &[u8], header: &RtpHeader, at_us: u64) {
        if let Some(tap) = &mut self.tap {
            tap.take(&Audio {
                direction,
                payload_type: header.payload_type,
                ssrc: header.ssrc,
                timestamp: header.timestamp,
                payload: &packet[header.payload_start..header.payload_end],
                at_us,
            });
        }
    }

    pub(crate) fn count_sent(&mut self, octets: usize) {
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += octets as u64;
    }

    pub(crate) fn rtp_destination(&self) -> Option<SocketAddr> {
        self.rtp_latch.destination()
    }

    /// Where RTCP goes, and whether through the RTP port.
    ///
    /// A remote whose RTP was learned at another host than its SDP says is behind NAT: its SDP address for RTCP
    /// cannot be reached, the port above the learned one may be.
    pub(crate) fn rtcp_destination(&self) -> Option<(SocketAddr, bool)> {
        if self.is_muxed {
            return Some((self.rtp_latch.destination()?, true));
        }
        let destination = self.rtcp_latch.destination()?;
        match self.rtp_latch.learned() {
            Some(learned) if self.rtcp_latch.learned().is_none() && learned.ip() != destination.ip() => {
                Some((SocketAddr::new(learned.ip(), learned.port().checked_add(1)?), false))
            }
            _ => Some((destination, false)),
        }
    }

    /// A snapshot of the counters.
    #[must_use]
    pub fn statistics(&self) -> SessionStatistics {
        let to_ms = |jitter: u32| f64::from(jitter) * 1000.0 / f64::from(self.clock_rate_hz);
        SessionStatistics {
            packets_received: self.reception.packets(),
            bytes_received: self.reception.octets(),
            packets_lost: self.reception.packets_lost(),
            out_of_order: self.reception.out_of_order(),
            jitter_ms: self.reception.jitter_ms(self.clock_rate_hz),
            ssrc: self.reception.ssrc(),
            payload_type: self.reception.last_payload_type(),
            remote_packets_lost: self.remote_reports.packets_lost,
            remote_jitter_ms: self.remote_reports.jitter.map(to_ms),
            round_trip_ms: self.remote_reports.round_trip_us.map(|us| us as f64 / 1000.0),
            remote: self.rtp_destination(),
            ..self.counters.clone()
        }
    }
}
