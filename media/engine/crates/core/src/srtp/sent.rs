// SPDX-License-Identifier: Apache-2.0
//! The streams sent under one key: which SSRC and which index each packet goes out under.
//!
//! A key stream is made of an SSRC and an index, so neither pair may come twice (RFC 3711 9.1). A stream keeps its
//! own SSRC while that is known to be unused; one that begins anew under its SSRC, comes back after it was
//! forgotten, or comes when too many were sent, gets an SSRC that is drawn here and never again.

use super::index::Indices;

/// Streams whose indices are kept; the one that was silent longest is forgotten for another.
const MAX_STREAMS: usize = 16;
/// Streams that go out under their own SSRC, which is remembered for as long as the key lives.
const MAX_OWN: usize = 256;
/// Step from one drawn SSRC to the next: odd, so that all 2^32 come before one comes twice.
const STEP: u32 = 0x9e37_79b9;
/// Its inverse modulo 2^32, to tell which draw an SSRC is.
const STEP_INVERSE: u32 = 0x144c_bc89;
const _: () = assert!(STEP.wrapping_mul(STEP_INVERSE) == 1);

/// One stream, as it comes from its source and as it is sent.
#[derive(Debug)]
struct Stream {
    source: u32,
    sent: u32,
    indices: Indices,
    /// What would follow a packet that did not fit: two in a row are a stream that begins anew.
    awaited: Option<u16>,
}

/// All streams of one key.
#[derive(Debug)]
pub(super) struct SentStreams {
    /// The one in use first.
    streams: Vec<Stream>,
    /// SSRCs of sources that were sent under.
    own: Vec<u32>,
    first_drawn: u32,
    drawn: u32,
}

impl SentStreams {
    /// No stream yet; `first_drawn` is any number.
    pub(super) fn new(first_drawn: u32) -> Self {
        Self { streams: Vec::new(), own: Vec::new(), first_drawn, drawn: 0 }
    }

    /// The SSRC and the index to send a packet under, which are then used up.
    ///
    /// `None` when it must not be sent: its number was used already, or does not fit the stream, of which the
    /// next packet decides whether it begins anew (RFC 3550 A.1).
    pub(super) fn place(&mut self, source: u32, sequence: u16) -> Option<(u32, u64)> {
        if !self.bring_to_front(source) {
            let sent = self.unused(source)?;
            self.streams.truncate(MAX_STREAMS - 1);
            self.streams.insert(0, Stream { source, sent, indices: Indices::default(), awaited: None });
        }
        let stream = self.streams.first_mut()?;
        let near = stream.indices.estimate(sequence).filter(|&index| stream.indices.is_near(index));
        let index = if let Some(index) = near {
            stream.awaited = None;
            index
        } else {
            let begins_anew = stream.awaited == Some(sequence);
            stream.awaited = Some(sequence.wrapping_add(1));
            if !begins_anew {
                return None;
            }
            let sent = self.draw()?;
            let stream = self.streams.first_mut()?;
            *stream = Stream { source, sent, indices: Indices::default(), awaited: None };
            u64::from(sequence)
        };
        let stream = self.streams.first_mut()?;
        if !stream.indices.is_fresh(index) {
            return None;
        }
        stream.indices.note(index);
        Some((stream.sent, index))
    }

    /// The SSRC that a stream is sent under; its own while nothing was sent of it.
    pub(super) fn sent_under(&self, source: u32) -> u32 {
        self.streams.iter().find(|stream| stream.source == source).map_or(source, |stream| stream.sent)
    }

    fn bring_to_front(&mut self, source: u32) -> bool {
        let position = self.streams.iter().position(|stream| stream.source == source);
        if let Some(position) = position {
            self.streams[..=position].rotate_right(1);
        }
        position.is_some()
    }

    /// The SSRC of a source when nothing was ever sent under it, else a drawn one.
    fn unused(&mut self, source: u32) -> Option<u32> {
        let draw = source.wrapping_sub(self.first_drawn).wrapping_mul(STEP_INVERSE);
        if draw < self.drawn || self.own.len() >= MAX_OWN || self.own.contains(&source) {
            return self.draw();
        }
        self.own.push(source);
        Some(source)
    }

    /// An SSRC that nothing was sent under; `None` when there is none.
    fn draw(&mut self) -> Option<u32> {
        loop {
            let ssrc = self.first_drawn.wrapping_add(self.drawn.wrapping_mul(STEP));
            self.drawn = self.drawn.checked_add(1)?;
            if !self.own.contains(&ssrc) {
                return Some(ssrc);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const BASE: u32 = 0xabcd_0000;

    /// The places of packets of a source, in order.
    fn places(
        streams: &mut SentStreams,
        source: u32,
        sequences: impl IntoIterator<Item = u16>,
    ) -> Vec<Option<(u32, u64)>> {
        sequences.into_iter().map(|sequence| streams.place(source, sequence)).collect()
    }

    #[test]
    fn it_sends_a_stream_under_its_own_ssrc_over_loss_and_wraps() {
        let mut streams = SentStreams::new(BASE);
        let placed = places(&mut streams, 7, [65_000, 65_003, 65_002, 2_400, 2_400, 2_399]);
        let expected = [Some(65_000), Some(65_003), Some(65_002), Some(67_936), None, Some(67_935)];
        assert_eq!(placed, expected.map(|index| index.map(|index| (7, index))));
        assert_eq!(streams.sent_under(7), 7);
    }

    #[test]
    fn it_sends_a_stream_that_begins_anew_under_another_ssrc() {
        for jump in [20_000, 70, 50_099 - 129, 50_099 + 3_000, 50_099_u16.wrapping_add(30_000)] {
            let mut streams = SentStreams::new(BASE);
            places(&mut streams, 7, 50_000..=50_099);
            let placed = places(&mut streams, 7, [jump, jump + 1, jump + 2, jump]);
            let index = u64::from(jump);
            let expected = [None, Some((BASE, index + 1)), Some((BASE, index + 2)), Some((BASE, index))];
            assert_eq!(placed, expected, "{jump}");
            assert_eq!((streams.sent_under(7), streams.sent_under(8)), (BASE, 8));
        }
    }

    #[test]
    fn it_loses_nothing_but_the_packet_that_does_not_fit() {
        let mut streams = SentStreams::new(BASE);
        let placed = places(&mut streams, 7, [1, 20_001, 2, 20_002, 3, 40_000, 40_002, 4]);
        let indices = [Some(1), None, Some(2), None, Some(3), None, None, Some(4)];
        assert_eq!(placed, indices.map(|index| index.map(|index| (7, index))));
    }

    #[test]
    fn it_goes_on_after_the_last_index_of_an_ssrc() {
        let mut streams = SentStreams::new(BASE);
        streams.place(7, 0);
        streams.streams[0].indices.note((1 << 48) - 1);
        assert_eq!(places(&mut streams, 7, [0, 1]), [None, Some((BASE, 1))]);
    }

    #[test]
    fn it_forgets_the_stream_that_was_silent_longest() {
        let mut streams = SentStreams::new(BASE);
        for source in 0..100 {
            assert_eq!(streams.place(1000, source), Some((1000, u64::from(source))), "in use, so kept");
            assert_eq!(streams.place(u32::from(source), 5), Some((u32::from(source), 5)));
        }
        assert_eq!(streams.streams.len(), MAX_STREAMS);
        assert_eq!(streams.place(99, 5), None, "remembered");
        assert_eq!(streams.place(0, 5), Some((BASE, 5)), "forgotten, so under another SSRC");
    }

    #[test]
    fn it_draws_no_ssrc_of_a_source_and_gives_no_source_one_that_was_drawn() {
        let mut streams = SentStreams::new(BASE);
        let [second, third] = [1, 2].map(|draw| STEP.wrapping_mul(draw).wrapping_add(BASE));
        assert_eq!(streams.place(second, 5), Some((second, 5)));
        assert_eq!(places(&mut streams, 7, [5, 40_000, 40_001])[2], Some((BASE, 40_001)));
        assert_eq!(streams.place(BASE, 40_001), Some((third, 40_001)));
    }

    #[test]
    fn it_uses_no_place_twice_whatever_comes() {
        let mut streams = SentStreams::new(BASE);
        let drawn: Vec<u32> = (0..40_u32).map(|draw| BASE.wrapping_add(draw.wrapping_mul(STEP))).collect();
        let mut used = HashSet::new();
        for round in 0..4_u16 {
            for source in (0..300).chain(drawn.iter().copied()).chain([7, 8, 7]) {
                for sequence in [round, 30_000, 30_001, 30_002, 5, 6, 60_000, 60_001] {
                    if let Some(place) = streams.place(source, sequence) {
                        assert!(used.insert(place), "{place:?} of {source} {sequence}");
                    }
                }
            }
        }
        assert!(used.len() > 4 * 300 * 4);
        assert!(streams.own.len() == MAX_OWN && streams.streams.len() == MAX_STREAMS);
    }
}
