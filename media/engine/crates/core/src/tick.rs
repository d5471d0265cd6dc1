// SPDX-License-Identifier: Apache-2.0
//! When a worker stops waking for each packet and collects them in ticks instead.
//!
//! Waking up costs more than relaying: collecting packets for up to a millisecond saves a quarter to a half
//! of the CPU under load, and below the threshold would only add latency. Two thresholds, so that a load
//! near one of them does not flap.

/// Length of the window in which packets are counted.
const WINDOW_US: u64 = 50_000;

/// Decides from the packet rate whether a worker polls in ticks.
#[derive(Debug, Clone)]
pub struct AdaptiveTick {
    on_above: u64,
    window_start_us: u64,
    packets: u64,
    ticking: bool,
}

impl AdaptiveTick {
    /// Ticking starts above `threshold_pps` packets per second and ends below half of it.
    #[must_use]
    pub fn new(threshold_pps: u64, now_us: u64) -> Self {
        Self { on_above: threshold_pps, window_start_us: now_us, packets: 0, ticking: false }
    }

    /// Counts the packets of one batch and gives the mode for the next.
    pub fn record(&mut self, packets: usize, now_us: u64) -> bool {
        self.packets += packets as u64;
        let elapsed_us = now_us.saturating_sub(self.window_start_us);
        if elapsed_us >= WINDOW_US {
            let rate_pps = self.packets.saturating_mul(1_000_000) / elapsed_us;
            let threshold_pps = if self.ticking { self.on_above / 2 } else { self.on_above };
            self.ticking = rate_pps > threshold_pps;
            self.packets = 0;
            self.window_start_us = now_us;
        }
        self.ticking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `pps` in steps of a millisecond for 200 ms and gives the mode at the end.
    fn run(tick: &mut AdaptiveTick, from_us: u64, pps: usize) -> bool {
        (1..=200).map(|step| tick.record(pps / 1000, from_us + step * 1000)).last().unwrap()
    }

    #[test]
    fn it_wakes_at_once_below_the_threshold() {
        assert!(!run(&mut AdaptiveTick::new(5_000, 0), 0, 5_000));
    }

    #[test]
    fn it_ticks_above_the_threshold_and_stops_below_half_of_it() {
        let mut tick = AdaptiveTick::new(5_000, 0);
        assert!(run(&mut tick, 0, 6_000));
        assert!(run(&mut tick, 200_000, 3_000), "between the thresholds it stays as it is");
        assert!(!run(&mut tick, 400_000, 2_000));
    }

    #[test]
    fn it_stops_after_a_silence() {
        let mut tick = AdaptiveTick::new(5_000, 0);
        assert!(run(&mut tick, 0, 10_000));
        assert!(!tick.record(1, 10_000_000));
    }
}
