// SPDX-License-Identifier: Apache-2.0
//! Two streams of packets as one stereo stream of samples at 8 kHz, in step with each other and with the clock.
//!
//! A stream is placed by the arrival of its first packet and goes on by RTP timestamps, so that jitter moves
//! nothing and what was lost or not sent is silent. It is placed anew when its timestamps and the clock part.
//! It must not know files. Invariant: what was drained once is never given again, and nothing is left out.

use std::collections::VecDeque;

/// Samples per second.
pub const SAMPLE_RATE_HZ: u64 = 8_000;
/// How long samples wait for packets that come late.
pub const PATIENCE_SAMPLES: u64 = SAMPLE_RATE_HZ * 6 / 10;
/// How far a stream may run ahead of the clock before it is placed anew.
const AHEAD_SAMPLES: i64 = SAMPLE_RATE_HZ as i64 / 2;

/// The position of a moment, in samples since the start.
#[must_use]
pub fn samples_in(us: u64) -> u64 {
    us * (SAMPLE_RATE_HZ / 1_000) / 1_000
}

/// One of both channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The first one.
    Left,
    /// The second one.
    Right,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    ssrc: u32,
    timestamp: u32,
    position: i64,
}

/// The samples that wait to be written.
#[derive(Debug, Default)]
pub struct Timeline {
    places: [Option<Place>; 2],
    waiting: VecDeque<[i16; 2]>,
    /// Position of the first sample that waits.
    base: u64,
}

impl Timeline {
    /// Places the samples of a packet that came at the position `arrival`; what comes too late is left out.
    pub fn put(
        &mut self,
        channel: Channel,
        ssrc: u32,
        timestamp: u32,
        arrival: u64,
        samples: impl Iterator<Item = i16>,
    ) {
        let place = &mut self.places[channel as usize];
        let position = following(*place, ssrc, timestamp, arrival.cast_signed(), self.base.cast_signed());
        *place = Some(Place { ssrc, timestamp, position });
        let Ok(position) = u64::try_from(position) else { return };
        for (position, sample) in (position..).zip(samples) {
            let Some(index) = position.checked_sub(self.base) else { continue };
            let index = index as usize;
            if index >= self.waiting.len() {
                self.waiting.resize(index + 1, [0, 0]);
            }
            self.waiting[index][channel as usize] = sample;
        }
    }

    /// Appends all samples before the position `until` as interleaved s16le; silence where nothing came.
    pub fn drain(&mut self, until: u64, octets: &mut Vec<u8>) {
        let count = until.saturating_sub(self.base) as usize;
        let known = count.min(self.waiting.len());
        octets.reserve(count * 4);
        for [left, right] in self.waiting.drain(..known) {
            octets.extend_from_slice(&left.to_le_bytes());
            octets.extend_from_slice(&right.to_le_bytes());
        }
        octets.resize(octets.len() + (count - known) * 4, 0);
        self.base += count as u64;
    }
}

/// Where a packet goes: where its timestamp says, unless that is another stream or far from the clock.
fn following(place: Option<Place>, ssrc: u32, timestamp: u32, arrival: i64, base: i64) -> i64 {
    let Some(last) = place.filter(|last| last.ssrc == ssrc) else { return arrival };
    let moved = timestamp.wrapping_sub(last.timestamp).cast_signed();
    let position = last.position + i64::from(moved);
    let is_plausible = position >= base && position <= arrival + AHEAD_SAMPLES;
    if is_plausible { position } else { arrival }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(timeline: &mut Timeline, channel: Channel, timestamp: u32, arrival: u64, value: i16) {
        timeline.put(channel, 7, timestamp, arrival, [value; 160].into_iter());
    }

    fn drained(timeline: &mut Timeline, until: u64) -> Vec<[i16; 2]> {
        let mut octets = Vec::new();
        timeline.drain(until, &mut octets);
        let sample = |octets: &[u8]| i16::from_le_bytes([octets[0], octets[1]]);
        octets.chunks_exact(4).map(|frame| [sample(frame), sample(&frame[2..])]).collect()
    }

    #[test]
    fn it_puts_each_party_on_its_own_side() {
        let mut timeline = Timeline::default();
        put(&mut timeline, Channel::Left, 0, 0, 5);
        put(&mut timeline, Channel::Right, 9_000, 80, 6);
        let samples = drained(&mut timeline, 320);
        assert_eq!(samples.len(), 320);
        assert_eq!(
            (samples[0], samples[80], samples[160], samples[239], samples[240]),
            ([5, 0], [5, 6], [0, 6], [0, 6], [0, 0])
        );
    }

    #[test]
    fn it_is_not_moved_by_jitter_and_puts_packets_in_order() {
        let mut timeline = Timeline::default();
        put(&mut timeline, Channel::Left, 1_000, 400, 1);
        put(&mut timeline, Channel::Left, 1_320, 700, 3);
        put(&mut timeline, Channel::Left, 1_160, 900, 2);
        let samples = drained(&mut timeline, 880);
        assert_eq!((samples[399][0], samples[400][0], samples[559][0]), (0, 1, 1));
        assert_eq!((samples[560][0], samples[719][0], samples[720][0], samples[879][0]), (2, 2, 3, 3));
    }

    #[test]
    fn it_is_silent_where_a_packet_was_lost() {
        let mut timeline = Timeline::default();
        put(&mut timeline, Channel::Right, u32::MAX - 159, 0, 4);
        put(&mut timeline, Channel::Right, 160, 320, 4);
        let samples = drained(&mut timeline, 480);
        assert_eq!((samples[159][1], samples[160][1], samples[319][1], samples[320][1]), (4, 0, 0, 4));
    }

    #[test]
    fn it_places_a_stream_anew_that_jumps_or_is_another_one() {
        let mut timeline = Timeline::default();
        put(&mut timeline, Channel::Left, 0, 0, 1);
        put(&mut timeline, Channel::Left, 1 << 31, 1_600, 2);
        timeline.put(Channel::Left, 8, 77, 3_200, [3; 160].into_iter());
        let samples = drained(&mut timeline, 3_360);
        assert_eq!((samples[1_600][0], samples[3_200][0]), (2, 3));
    }

    #[test]
    fn it_goes_on_where_a_stream_that_paused_without_counting_comes_back() {
        let mut timeline = Timeline::default();
        put(&mut timeline, Channel::Left, 0, 0, 1);
        assert_eq!(drained(&mut timeline, 40_000).len(), 40_000);
        put(&mut timeline, Channel::Left, 160, 44_000, 2);
        assert_eq!(drained(&mut timeline, 44_160)[4_000][0], 2);
    }

    #[test]
    fn it_gives_silence_for_time_in_which_nothing_came() {
        let mut timeline = Timeline::default();
        assert_eq!(drained(&mut timeline, samples_in(1_500_000)), vec![[0, 0]; 12_000]);
        assert!(drained(&mut timeline, 100).is_empty(), "what was given is not given again");
    }
}
