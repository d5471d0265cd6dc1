// SPDX-License-Identifier: Apache-2.0
//! A relay on a virtual clock, remotes by address, and a seeded link that loses and reorders.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test support: each file uses a part, a failure is a panic"
)]

use std::net::SocketAddr;

use media_core::g711::Codec;
use media_core::rtp::RtpHeader;
use media_core::srtp::{MASTER_LEN, MasterKey, Suite};
use media_core::{
    Component, Datagram, Event, Forward, PlayRequest, Relay, RelayConfig, Remote, SPARE_LEN, Session,
    SessionConfig, SessionKey, SessionSeed,
};

pub const ALICE: &str = "192.0.2.1:4000";
pub const BOB: &str = "198.51.100.2:6000";
pub const MALLORY: &str = "203.0.113.66:4000";
pub const CNAME: &str = "test";
pub const SSRC: u32 = 0x1111_1111;
pub const ECHO_MASK: u32 = 0x2222_2222;

/// A datagram that the relay wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub at_us: u64,
    pub key: SessionKey,
    pub component: Component,
    pub destination: SocketAddr,
    pub packet: Vec<u8>,
}

impl Sent {
    pub fn header(&self) -> RtpHeader {
        RtpHeader::parse(&self.packet).unwrap()
    }
}

pub struct TestRelay {
    pub relay: Relay,
    pub now_us: u64,
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl TestRelay {
    pub fn new() -> Self {
        let config = RelayConfig { cname: CNAME.into(), ntp_at_zero: 0x8000_0000_0000_0000 };
        Self { relay: Relay::new(config), now_us: 1_000_000 }
    }

    /// A session without a remote.
    pub fn session(&mut self, id: &str) -> SessionKey {
        let seed = SessionSeed { ssrc: SSRC, echo_mask: ECHO_MASK, sequence: 65_534, timestamp: 1000 };
        let config = SessionConfig { id: id.into(), clock_rate_hz: 8000, inactivity_us: 30_000_000, seed };
        self.relay.insert(Box::new(Session::new(config, self.now_us)), self.now_us)
    }

    /// A session whose remote is known.
    pub fn session_with(&mut self, id: &str, remote: &str) -> SessionKey {
        let key = self.session(id);
        self.set_remote(key, Some(remote), None);
        key
    }

    pub fn set_remote(&mut self, key: SessionKey, rtp: Option<&str>, signaling: Option<&str>) {
        let signaling_ip = signaling.map(|text| text.parse().unwrap());
        let remote = Remote { rtp: rtp.map(address), rtcp: None, signaling_ip };
        self.relay.set_remote(key, &remote, self.now_us).unwrap();
    }

    /// Alice and Bob, bridged.
    pub fn call(&mut self) -> (SessionKey, SessionKey) {
        let (a, b) = (self.session_with("alice", ALICE), self.session_with("bob", BOB));
        self.relay.bridge(a, b).unwrap();
        (a, b)
    }

    /// Hands in a datagram and gives what is to be sent.
    pub fn receive(
        &mut self,
        key: SessionKey,
        component: Component,
        packet: &[u8],
        from: &str,
    ) -> Option<Sent> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + SPARE_LEN, 0);
        let mut datagram = Datagram::new(&mut buffer, packet.len());
        let now_us = self.now_us;
        let forward = self.relay.receive(key, component, &mut datagram, address(from), now_us)?;
        let packet = datagram.octets().to_vec();
        let Forward { key, component, destination } = forward;
        Some(Sent { at_us: now_us, key, component, destination, packet })
    }

    pub fn receive_rtp(&mut self, key: SessionKey, packet: &[u8], from: &str) -> Option<Sent> {
        self.receive(key, Component::Rtp, packet, from)
    }

    /// Lets time pass, stopping at each deadline, and gives what was sent.
    pub fn advance(&mut self, us: u64) -> Vec<Sent> {
        let end_us = self.now_us + us;
        let mut sent = Vec::new();
        while let Some(due_us) = self.relay.next_deadline().filter(|&due_us| due_us <= end_us) {
            self.now_us = due_us.max(self.now_us);
            sent.extend(self.tick());
        }
        self.now_us = end_us;
        sent
    }

    /// Does what is due now.
    pub fn tick(&mut self) -> Vec<Sent> {
        let (mut sent, at_us) = (Vec::new(), self.now_us);
        self.relay.handle_timer(at_us, &mut |transmit| {
            let Forward { key, component, destination } = transmit.forward;
            sent.push(Sent { at_us, key, component, destination, packet: transmit.packet.to_vec() });
        });
        sent
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.relay.next_event()).collect()
    }

    /// Plays `packets` packets of silence as PCMU.
    pub fn play(&mut self, key: SessionKey, play: &str, packets: usize, repeat: bool) {
        let octets = Codec::Pcmu.encode_prompt(&vec![0; packets * 320]).into();
        let request = PlayRequest { play: play.into(), octets, payload_type: 0, repeat };
        self.relay.play(key, request, self.now_us).unwrap();
    }
}

/// A key that a number stands for.
pub fn master(suite: Suite, number: u8) -> MasterKey {
    MasterKey::new(suite, &[number; MASTER_LEN])
}

/// A packet that was changed in place, with room behind it; `None` when the change failed.
pub fn changed(packet: &[u8], change: impl FnOnce(&mut Datagram<'_>) -> bool) -> Option<Vec<u8>> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + SPARE_LEN, 0);
    let mut datagram = Datagram::new(&mut buffer, packet.len());
    change(&mut datagram).then(|| datagram.octets().to_vec())
}

/// An RTP packet of 20 ms of G.711.
pub fn rtp(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
    let header = RtpHeader {
        payload_type,
        marker: false,
        sequence,
        timestamp,
        ssrc,
        payload_start: 12,
        payload_end: 172,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.resize(172, 0x55);
    packet
}

/// An RTCP receiver report with a CNAME and no blocks.
pub fn rtcp() -> Vec<u8> {
    let mut packet = Vec::new();
    media_core::rtcp::write_report(&mut packet, 7, None, None, "phone");
    packet
}

/// Splitmix64: the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
