// SPDX-License-Identifier: Apache-2.0
//! A prompt on its way to one remote: 20 ms packets of an own RTP stream, paced by absolute deadlines.
//!
//! It must not know encodings beyond "one octet is one sample at 8 kHz". Sequence numbers and timestamps of
//! the own stream go on over successive prompts; pauses between them move the timestamp by their length.

use std::sync::Arc;

use crate::rtp::{HEADER_LEN, RtpHeader};

/// Samples, and so octets, of G.711 in one packet.
pub const SAMPLES_PER_PACKET: usize = 160;
/// Time between packets in microseconds.
pub const PACKET_US: u64 = 20_000;
/// A late tick sends at most this many packets; what is later still is moved, not squeezed.
pub const MAX_CATCH_UP_PACKETS: usize = 3;
/// Octets of a prompt packet.
pub(crate) const PACKET_LEN: usize = HEADER_LEN + SAMPLES_PER_PACKET;
const SAMPLES_PER_MS: u64 = 8;

/// What to play: `octets` hold whole packets as made by `g711::Codec::encode_prompt`.
#[derive(Debug, Clone)]
pub struct PlayRequest {
    /// The caller's name for this playback, given back in events.
    pub play: Arc<str>,
    /// Encoded audio, a multiple of `SAMPLES_PER_PACKET` octets.
    pub octets: Arc<[u8]>,
    /// Payload type to send.
    pub payload_type: u8,
    /// Start again at the end, until stopped.
    pub repeat: bool,
}

/// The RTP stream that the engine itself sends to a remote.
#[derive(Debug, Clone)]
pub(crate) struct OwnStream {
    pub(crate) ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When the packet after the last one would be due; `None` before the first.
    next_due_us: Option<u64>,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl OwnStream {
    pub(crate) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, next_due_us: None, packets: 0, octets: 0 }
    }

    /// The earliest moment for the next packet: a new prompt never overlaps the last packet of the one before.
    pub(crate) fn earliest(&self, now_us: u64) -> u64 {
        self.next_due_us.map_or(now_us, |due_us| due_us.max(now_us))
    }

    /// The RTP timestamp of the instant `now_us`, for sender reports.
    pub(crate) fn timestamp_at(&self, now_us: u64) -> u32 {
        let Some(next_due_us) = self.next_due_us else {
            return self.timestamp;
        };
        let offset_us = now_us.cast_signed() - next_due_us.cast_signed();
        self.timestamp.wrapping_add((offset_us * SAMPLES_PER_MS.cast_signed() / 1000) as u32)
    }

    fn header_for(&mut self, due_us: u64, payload_type: u8, marker: bool) -> RtpHeader {
        let pause_us = due_us.saturating_sub(self.next_due_us.unwrap_or(due_us));
        let timestamp = self.timestamp.wrapping_add((pause_us * SAMPLES_PER_MS / 1000) as u32);
        let header = RtpHeader {
            payload_type,
            marker,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload_start: HEADER_LEN,
            payload_end: PACKET_LEN,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = timestamp.wrapping_add(SAMPLES_PER_PACKET as u32);
        self.next_due_us = Some(due_us + PACKET_US);
        header
    }

    fn count(&mut self) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(SAMPLES_PER_PACKET as u32);
    }
}

/// A prompt in progress.
#[derive(Debug, Clone)]
pub(crate) struct Playback {
    request: PlayRequest,
    position: usize,
    due_us: u64,
    /// Set at the start and after a pause: the next packet begins a talk spurt.
    marker: bool,
}

/// What is to be done when a playback is due.
pub(crate) enum Due {
    /// Send this packet.
    Packet([u8; PACKET_LEN]),
    /// Nothing yet.
    Wait,
    /// The prompt is over.
    Completed,
}

impl Playback {
    pub(crate) fn new(request: PlayRequest, start_us: u64) -> Self {
        Self { request, position: 0, due_us: start_us, marker: true }
    }

    pub(crate) fn play(&self) -> &Arc<str> {
        &self.request.play
    }

    pub(crate) fn due_us(&self) -> u64 {
        self.due_us
    }

    /// The next thing to do at `now_us`; call again after a packet.
    pub(crate) fn next(&mut self, stream: &mut OwnStream, now_us: u64) -> Due {
        if self.due_us > now_us {
            return Due::Wait;
        }
        let Some(payload) = self.next_payload() else {
            return Due::Completed;
        };
        let header = stream.header_for(self.due_us, self.request.payload_type, self.marker);
        let mut packet = [0; PACKET_LEN];
        packet[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        packet[HEADER_LEN..].copy_from_slice(&self.request.octets[payload..payload + SAMPLES_PER_PACKET]);
        stream.count();
        self.marker = false;
        self.due_us += PACKET_US;
        Due::Packet(packet)
    }

    /// Moves the schedule to `now_us` after a tick that was too late to catch up.
    pub(crate) fn resume_at(&mut self, now_us: u64) {
        self.due_us = now_us;
        self.marker = true;
    }

    fn next_payload(&mut self) -> Option<usize> {
        let is_over = |position: usize| position + SAMPLES_PER_PACKET > self.request.octets.len();
        if is_over(self.position) && self.request.repeat {
            self.position = 0;
        }
        if is_over(self.position) {
            return None;
        }
        let payload = self.position;
        self.position += SAMPLES_PER_PACKET;
        Some(payload)
    }
}
