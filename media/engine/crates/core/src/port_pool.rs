// SPDX-License-Identifier: Apache-2.0
//! RTP port pairs: an even port for RTP and the odd one above it for RTCP (RFC 3550 11).
//!
//! It must not know sockets: the runtime binds what it is given and hands back what it could not bind.
//! Ports go round: the one that has been free for longest is taken first, and a released one rests in
//! quarantine, so that packets still on their way to an ended call do not reach a new one. When there is no other,
//! one that still rests is taken all the same: a stray packet is dropped by its source, a refused call is lost.

use std::collections::VecDeque;

use crate::error::MediaError;

/// The free and resting port pairs of an engine, named by their RTP port.
#[derive(Debug)]
pub struct PortPool {
    free: VecDeque<u16>,
    /// In order of release, so the first to come back is in front.
    resting: VecDeque<(u64, u16)>,
    quarantine_us: u64,
}

impl PortPool {
    /// All pairs whose two ports lie in `port_min..=port_max`.
    ///
    /// # Errors
    /// `EmptyPortRange` when there is no pair.
    pub fn new(port_min: u16, port_max: u16, quarantine_us: u64) -> Result<Self, MediaError> {
        let free: VecDeque<u16> =
            (port_min..port_max).filter(|&port| port != 0 && port.is_multiple_of(2)).collect();
        if free.is_empty() {
            return Err(MediaError::EmptyPortRange { port_min, port_max });
        }
        Ok(Self { free, resting: VecDeque::new(), quarantine_us })
    }

    /// Takes the pair that has been free for longest, a resting one only without another; `None` when all are in use.
    pub fn take(&mut self, now_us: u64) -> Option<u16> {
        self.end_quarantine(now_us);
        self.free.pop_front().or_else(|| self.resting.pop_front().map(|(_, port)| port))
    }

    /// Returns a pair after use; it rests for the quarantine time where there are others.
    pub fn release(&mut self, port: u16, now_us: u64) {
        self.resting.push_back((now_us + self.quarantine_us, port));
    }

    /// Returns a pair that another program holds; it goes to the end of the queue.
    pub fn put_back(&mut self, port: u16) {
        self.free.push_back(port);
    }

    /// Pairs that can be taken now.
    #[must_use]
    pub fn available(&self) -> usize {
        self.free.len() + self.resting.len()
    }

    fn end_quarantine(&mut self, now_us: u64) {
        while let Some(&(_, port)) = self.resting.front().filter(|(until_us, _)| *until_us <= now_us) {
            self.resting.pop_front();
            self.free.push_back(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_hands_out_even_ports_whose_neighbour_is_in_the_range() {
        let mut pool = PortPool::new(10_001, 10_006, 0).unwrap();
        assert_eq!((pool.take(0), pool.take(0), pool.take(0)), (Some(10_002), Some(10_004), None));
    }

    #[test]
    fn it_counts_fifty_pairs_in_the_default_range() {
        assert_eq!(PortPool::new(10_000, 10_100, 0).unwrap().available(), 50);
    }

    #[test]
    fn it_refuses_a_range_without_a_pair() {
        for (port_min, port_max) in [(10_001, 10_002), (10_000, 10_000), (10_100, 10_000), (0, 1)] {
            let error = PortPool::new(port_min, port_max, 0).unwrap_err();
            assert_eq!(error, MediaError::EmptyPortRange { port_min, port_max });
        }
    }

    #[test]
    fn it_lets_a_released_pair_rest() {
        let mut pool = PortPool::new(10_000, 10_003, 1_000).unwrap();
        let first = pool.take(0).unwrap();
        pool.release(first, 5_000);
        assert_eq!(pool.available(), 2);
        assert_eq!(pool.take(5_000), Some(10_002), "the other one");
        pool.release(10_002, 5_500);
        assert_eq!(pool.take(6_000), Some(10_000), "its time is over");
    }

    #[test]
    fn it_hands_out_the_pair_that_rested_longest_before_it_refuses() {
        let mut pool = PortPool::new(10_000, 10_003, 1_000).unwrap();
        for port in [pool.take(0).unwrap(), pool.take(0).unwrap()] {
            pool.release(port, u64::from(port));
        }
        assert_eq!((pool.take(10_002), pool.take(10_002)), (Some(10_000), Some(10_002)));
        assert_eq!((pool.available(), pool.take(10_002)), (0, None));
    }

    #[test]
    fn it_goes_round_before_it_uses_a_port_again() {
        let mut pool = PortPool::new(10_000, 10_007, 0).unwrap();
        let mut seen = Vec::new();
        for now_us in 0..8 {
            let port = pool.take(now_us).unwrap();
            seen.push(port);
            pool.release(port, now_us);
        }
        assert_eq!(seen, [10_000, 10_002, 10_004, 10_006, 10_000, 10_002, 10_004, 10_006]);
    }

    #[test]
    fn it_tries_the_others_first_when_one_could_not_be_bound() {
        let mut pool = PortPool::new(10_000, 10_003, 0).unwrap();
        let taken = pool.take(0).unwrap();
        pool.put_back(taken);
        assert_eq!((pool.take(0), pool.take(0)), (Some(10_002), Some(10_000)));
    }
}
