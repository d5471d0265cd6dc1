// SPDX-License-Identifier: Apache-2.0
//! Reception statistics of RFC 3550: sequence tracking (A.1), loss (A.3), jitter (A.8).
//!
//! It must not know addresses or sockets: callers feed only packets whose source was accepted. A change of
//! SSRC starts a new source; totals go on over all sources.

use crate::rtcp::ReportBlock;
use crate::rtp::RtpHeader;

/// A forward jump of this many packets or more is a restart of the sender (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;
/// A packet this far behind or less is late, not a restart (RFC 3550 A.1).
const MAX_MISORDER: u16 = 100;
const SEQUENCE_MODULUS: u64 = 1 << 16;
/// The cumulative loss of a report block is a signed 24-bit number (RFC 3550 6.4.1).
const MAX_REPORTED_LOSS: i64 = 0x7f_ffff;

/// Totals of one RTP stream direction.
#[derive(Debug, Clone, Default)]
pub struct ReceiveStatistics {
    packets: u64,
    octets: u64,
    out_of_order: u64,
    lost_by_earlier_sources: i64,
    last_payload_type: Option<u8>,
    source: Option<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    base_sequence: u16,
    max_sequence: u16,
    cycles: u64,
    received: u64,
    /// The sequence number that would confirm a restart, one above the packet that jumped.
    restart_sequence: Option<u16>,
    transit: u32,
    last_timestamp: u32,
    /// Jitter estimate in timestamp units, scaled by 16 as in RFC 3550 A.8.
    jitter_scaled: u32,
    expected_prior: i64,
    received_prior: i64,
}

impl Source {
    fn new(header: &RtpHeader, transit: u32) -> Self {
        Self {
            ssrc: header.ssrc,
            base_sequence: header.sequence,
            max_sequence: header.sequence,
            cycles: 0,
            received: 1,
            restart_sequence: None,
            transit,
            last_timestamp: header.timestamp,
            jitter_scaled: 0,
            expected_prior: 0,
            received_prior: 0,
        }
    }

    fn extended_max(&self) -> u64 {
        self.cycles + u64::from(self.max_sequence)
    }

    fn expected(&self) -> i64 {
        (self.extended_max() - u64::from(self.base_sequence) + 1) as i64
    }

    /// Expected minus received; negative when duplicates arrived (RFC 3550 A.3).
    fn lost(&self) -> i64 {
        self.expected() - self.received as i64
    }

    fn update_jitter(&mut self, timestamp: u32, transit: u32) {
        // Packets that share a timestamp are repeats of one telephone event (RFC 4733 2.5.1.2), sent 20 ms
        // apart: they say nothing about the network.
        if timestamp == self.last_timestamp {
            return;
        }
        let difference = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        self.transit = transit;
        self.last_timestamp = timestamp;
        self.jitter_scaled = self.jitter_scaled.saturating_add(difference) - ((self.jitter_scaled + 8) >> 4);
    }
}

/// What one packet meant for its source.
enum Step {
    InOrder,
    Late,
    Suspicious,
    Restart,
}

impl ReceiveStatistics {
    /// Counts a packet of `octets` (RTP header included) that arrived at `now_us`.
    pub fn record(&mut self, header: &RtpHeader, octets: usize, now_us: u64, clock_rate_hz: u32) {
        self.packets += 1;
        self.octets += octets as u64;
        self.last_payload_type = Some(header.payload_type);
        let transit = arrival(now_us, clock_rate_hz).wrapping_sub(header.timestamp);
        let Some(source) = self.source.as_mut().filter(|source| source.ssrc == header.ssrc) else {
            return self.start_source(header, transit);
        };
        match advance(source, header.sequence) {
            Step::InOrder => source.update_jitter(header.timestamp, transit),
            Step::Late => self.out_of_order += 1,
            Step::Suspicious => {}
            Step::Restart => self.start_source(header, transit),
        }
    }

    fn start_source(&mut self, header: &RtpHeader, transit: u32) {
        self.lost_by_earlier_sources = self.packets_lost_signed();
        self.source = Some(Source::new(header, transit));
    }

    fn packets_lost_signed(&self) -> i64 {
        self.lost_by_earlier_sources + self.source.as_ref().map_or(0, Source::lost)
    }

    /// Packets received, late and duplicate ones included.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Octets received, RTP headers included.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Packets expected minus packets received over all sources, never below zero.
    #[must_use]
    pub fn packets_lost(&self) -> u64 {
        self.packets_lost_signed().max(0) as u64
    }

    /// Packets that arrived after one with a higher sequence number, duplicates included.
    #[must_use]
    pub fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Interarrival jitter in milliseconds (RFC 3550 6.4.1).
    #[must_use]
    pub fn jitter_ms(&self, clock_rate_hz: u32) -> f64 {
        let scaled = self.source.as_ref().map_or(0, |source| source.jitter_scaled);
        f64::from(scaled) / 16.0 * 1000.0 / f64::from(clock_rate_hz)
    }

    /// SSRC of the current source.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// Payload type of the last packet.
    #[must_use]
    pub fn last_payload_type(&self) -> Option<u8> {
        self.last_payload_type
    }

    /// The report block for the current source (RFC 3550 6.4.1), which also starts a new reporting interval.
    pub fn report(&mut self) -> Option<ReportBlock> {
        let source = self.source.as_mut()?;
        let (expected, received) = (source.expected(), source.received as i64);
        let expected_interval = expected - source.expected_prior;
        let lost_interval = expected_interval - (received - source.received_prior);
        (source.expected_prior, source.received_prior) = (expected, received);
        let fraction_lost = if expected_interval <= 0 || lost_interval <= 0 {
            0
        } else {
            ((lost_interval << 8) / expected_interval).min(255) as u8
        };
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost,
            cumulative_lost: source.lost().clamp(-MAX_REPORTED_LOSS - 1, MAX_REPORTED_LOSS) as i32,
            highest_sequence: source.extended_max() as u32,
            jitter: source.jitter_scaled >> 4,
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        })
    }
}

/// The arrival time in timestamp units, modulo 2^32; seconds and fraction apart so that nothing overflows.
fn arrival(now_us: u64, clock_rate_hz: u32) -> u32 {
    let rate = u64::from(clock_rate_hz);
    ((now_us / 1_000_000).wrapping_mul(rate) + (now_us % 1_000_000) * rate / 1_000_000) as u32
}

/// Sequence tracking of RFC 3550 A.1, without its probation: the source was validated by its address.
fn advance(source: &mut Source, sequence: u16) -> Step {
    let ahead = sequence.wrapping_sub(source.max_sequence);
    if ahead != 0 && ahead < MAX_DROPOUT {
        if sequence < source.max_sequence {
            source.cycles += SEQUENCE_MODULUS;
        }
        source.max_sequence = sequence;
        source.restart_sequence = None;
        source.received += 1;
        Step::InOrder
    } else if ahead == 0 || ahead >= 0u16.wrapping_sub(MAX_MISORDER) {
        source.received += 1;
        Step::Late
    } else if source.restart_sequence == Some(sequence) {
        Step::Restart
    } else {
        source.restart_sequence = Some(sequence.wrapping_add(1));
        Step::Suspicious
    }
}
