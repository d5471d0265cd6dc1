// SPDX-License-Identifier: Apache-2.0
//! RTCP of the engine's own: what it sends while it is an end point, and what remotes report back.
//!
//! A bridged session relays its remotes' reports and sends none while it plays nothing; the engine is then not
//! part of the conversation. Intervals vary between half and one and a half of five seconds (RFC 3550 6.2, 6.3.1), drawn from
//! a generator seeded by the session, so that nothing here needs a random source.

use crate::rtcp::{Compound, ReportBlock, SenderInfo, write_report};
use crate::session::Session;

const INTERVAL_US: u64 = 5_000_000;

/// What is known from the remote's RTCP.
#[derive(Debug, Clone, Default)]
pub(crate) struct RemoteReports {
    /// Middle 32 bits of the last SR's NTP time stamp, its SSRC and when it arrived.
    last_sender_report: Option<(u32, u32, u64)>,
    pub(crate) packets_lost: Option<i32>,
    pub(crate) jitter: Option<u32>,
    pub(crate) round_trip_us: Option<u64>,
}

/// The middle 32 bits of an NTP time stamp (RFC 3550 4).
fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// The NTP time stamp of `now_us`, given the one of zero.
pub(crate) fn ntp_at(ntp_at_zero: u64, now_us: u64) -> u64 {
    let seconds = now_us / 1_000_000;
    let fraction = ((now_us % 1_000_000) << 32) / 1_000_000;
    ntp_at_zero.wrapping_add((seconds << 32) + fraction)
}

impl RemoteReports {
    /// Takes what a received compound says; `own_ssrc` selects the block that gives a round trip.
    pub(crate) fn record(&mut self, compound: &Compound<'_>, own_ssrc: u32, ntp: u64, now_us: u64) {
        if let Some(info) = compound.sender_info {
            self.last_sender_report = Some((compound.sender_ssrc, ntp_middle(info.ntp), now_us));
        }
        let Some(block) = compound.report_blocks().last() else {
            return;
        };
        self.packets_lost = Some(block.cumulative_lost);
        self.jitter = Some(block.jitter);
        if block.ssrc == own_ssrc && block.last_sender_report != 0 {
            self.record_round_trip(&block, ntp);
        }
    }

    /// Round trip of RFC 3550 6.4.1: arrival minus the SR's time minus the time the remote held it.
    fn record_round_trip(&mut self, block: &ReportBlock, ntp: u64) {
        let elapsed = ntp_middle(ntp)
            .wrapping_sub(block.last_sender_report)
            .wrapping_sub(block.delay_since_last_sender_report);
        // A remote that overstates its delay gives a "negative" trip, seen as more than half the range.
        if elapsed < u32::MAX / 2 {
            self.round_trip_us = Some(u64::from(elapsed) * 1_000_000 / 65_536);
        }
    }

    fn fill(&self, block: &mut ReportBlock, now_us: u64) {
        if let Some((ssrc, middle, arrived_us)) = self.last_sender_report
            && ssrc == block.ssrc
        {
            block.last_sender_report = middle;
            block.delay_since_last_sender_report = ((now_us - arrived_us) * 65_536 / 1_000_000) as u32;
        }
    }
}

/// The time to the next report, and the generator's next state (xorshift32; the state is never zero).
pub(crate) fn next_interval_us(state: &mut u32) -> u64 {
    let mut word = *state;
    word ^= word << 13;
    word ^= word >> 17;
    word ^= word << 5;
    *state = word;
    INTERVAL_US / 2 + u64::from(word) % INTERVAL_US
}

impl Session {
    /// Writes the report that is due, unless the session has nothing to report: SR while it plays or has
    /// played since the last report, else RR for what it receives (RFC 3550 6.4).
    ///
    /// The caller asks only for sessions that are an end point.
    pub(crate) fn write_own_report(&mut self, out: &mut Vec<u8>, ntp: u64, cname: &str, now_us: u64) -> bool {
        let has_sent = self.own_stream.packets != self.reported_packets;
        let has_received = self.reception.packets() != self.reported_received;
        if !(has_sent || has_received) {
            return false;
        }
        let mut block = self.reception.report();
        if let Some(block) = &mut block {
            self.remote_reports.fill(block, now_us);
        }
        let info = has_sent.then(|| SenderInfo {
            ntp,
            rtp_timestamp: self.own_stream.timestamp_at(now_us),
            packets: self.own_stream.packets,
            octets: self.own_stream.octets,
        });
        write_report(out, self.own_stream.ssrc, info.as_ref(), block.as_ref(), cname);
        self.reported_packets = self.own_stream.packets;
        self.reported_received = self.reception.packets();
        true
    }
}
