// SPDX-License-Identifier: Apache-2.0
//! Packet indices: the roll-over counter that a sequence number leaves out, and the window against replay
//! (RFC 3711 3.3.1 and 3.3.2). Both directions use it: a receiver takes no index twice, a sender uses none twice.

/// Indices behind the highest that are still told apart; older ones count as seen.
const WINDOW: u64 = u128::BITS as u64;
/// Indices have 48 bits: 32 of the roll-over counter, 16 of the sequence number.
const END: u64 = 1 << 48;
/// Indices ahead of the highest that still go on with it (RFC 3550 A.1): a minute of 20 ms packets.
const MAX_DROPOUT: u64 = 3000;
/// A step back of more than this is a step forward over the wrap.
const HALF: u64 = 1 << 15;
const ROLL_OVER: u64 = 1 << 16;

/// The indices seen of one stream; the last bit of `seen` stands for `highest`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Indices {
    highest: Option<u64>,
    seen: u128,
}

impl Indices {
    /// Whether nothing of the stream was seen yet.
    pub(super) fn is_new(&self) -> bool {
        self.highest.is_none()
    }

    /// The index that a sequence number most likely stands for: the nearest to the highest one.
    ///
    /// A new stream begins with a roll-over counter of zero. `None`: it lies before the stream's beginning, or
    /// the key is used up.
    pub(super) fn estimate(&self, sequence: u16) -> Option<u64> {
        let sequence = u64::from(sequence);
        let Some(highest) = self.highest else { return Some(sequence) };
        let same = highest - highest % ROLL_OVER + sequence;
        let nearest = if same > highest + HALF {
            same.checked_sub(ROLL_OVER)?
        } else if same + HALF < highest {
            same + ROLL_OVER
        } else {
            same
        };
        (nearest < END).then_some(nearest)
    }

    /// Whether an index goes on with the stream rather than beginning another (RFC 3550 A.1).
    pub(super) fn is_near(&self, index: u64) -> bool {
        self.highest.is_none_or(|highest| index + WINDOW > highest && index < highest + MAX_DROPOUT)
    }

    /// Whether an index has not been seen, and is not too old to tell.
    pub(super) fn is_fresh(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index <= highest => {
                let age = highest - index;
                age < WINDOW && self.seen >> age & 1 == 0
            }
            _ => index < END,
        }
    }

    /// Notes an index that was fresh.
    pub(super) fn note(&mut self, index: u64) {
        let highest = self.highest.unwrap_or(index);
        if index >= highest {
            let step = index - highest;
            self.seen = if step < WINDOW { self.seen << step } else { 0 } | 1;
            self.highest = Some(index);
        } else if highest - index < WINDOW {
            self.seen |= 1 << (highest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(indices: &[u64]) -> Indices {
        let mut seen = Indices::default();
        indices.iter().for_each(|&index| seen.note(index));
        seen
    }

    #[test]
    fn it_begins_with_a_counter_of_zero_whatever_the_first_number() {
        assert_eq!(Indices::default().estimate(65_535), Some(65_535));
        assert_eq!(after(&[65_535]).estimate(0), Some(65_536));
    }

    #[test]
    fn it_takes_a_late_packet_for_one_of_before_the_wrap() {
        assert_eq!(after(&[65_534, 65_537]).estimate(65_535), Some(65_535));
        assert_eq!(after(&[3]).estimate(65_535), None, "there is nothing before the beginning");
    }

    #[test]
    fn it_is_right_about_every_number_within_half_a_wrap() {
        for highest in [70_000, 131_071, 131_072, 1_000_000] {
            for step in -32_767_i64..=32_767 {
                let index = highest + step;
                let estimate = after(&[highest as u64]).estimate(index as u16);
                assert_eq!(estimate, Some(index as u64), "{highest} {step}");
            }
        }
    }

    #[test]
    fn it_takes_no_index_twice_and_none_that_is_too_old() {
        let seen = after(&[1000, 1003, 1001]);
        let fresh: Vec<u64> = (870..1010).filter(|&index| seen.is_fresh(index)).collect();
        let expected: Vec<u64> = (876..1010).filter(|index| ![1000, 1001, 1003].contains(index)).collect();
        assert_eq!(fresh, expected);
    }

    #[test]
    fn it_forgets_what_lies_far_behind_a_jump() {
        let seen = after(&[5, 5000]);
        assert!(!seen.is_fresh(5));
        assert!(!seen.is_fresh(5000));
        assert!(seen.is_fresh(4999));
    }

    #[test]
    fn it_ends_with_the_last_index_of_a_key() {
        let seen = after(&[END - 1]);
        assert_eq!(seen.estimate(0), None);
        assert!(!seen.is_fresh(END));
    }
}
