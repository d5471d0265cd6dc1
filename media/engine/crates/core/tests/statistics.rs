// SPDX-License-Identifier: Apache-2.0
//! Loss, order and jitter of RFC 3550 A.1, A.3 and A.8, over links that lose, repeat and reorder by a seed.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::Random;
use media_core::ReceiveStatistics;
use media_core::rtp::RtpHeader;

const RATE_HZ: u32 = 8000;

fn header(sequence: u16, timestamp: u32, ssrc: u32) -> RtpHeader {
    RtpHeader {
        payload_type: 0,
        marker: false,
        sequence,
        timestamp,
        ssrc,
        payload_start: 12,
        payload_end: 172,
    }
}

/// Feeds packet number `number` of a stream that began at `first`, arriving `delay_us` after it was sent.
fn feed(statistics: &mut ReceiveStatistics, first: u16, number: u32, delay_us: u64) {
    let header = header(first.wrapping_add(number as u16), number * 160, 1);
    statistics.record(&header, 172, u64::from(number) * 20_000 + delay_us, RATE_HZ);
}

#[test]
fn it_counts_no_loss_on_a_clean_link_across_wraps() {
    let mut statistics = ReceiveStatistics::default();
    (0..200_000).for_each(|number| feed(&mut statistics, 65_000, number, 0));
    assert_eq!((statistics.packets(), statistics.octets()), (200_000, 200_000 * 172));
    assert_eq!((statistics.packets_lost(), statistics.out_of_order()), (0, 0));
    assert!(statistics.jitter_ms(RATE_HZ) < 0.2, "rounding only");
}

#[test]
fn it_counts_exactly_what_a_lossy_link_lost() {
    let (mut statistics, mut random, mut lost) = (ReceiveStatistics::default(), Random(7), 0);
    feed(&mut statistics, 60_000, 0, 0);
    for number in 1..100_000 {
        if random.below(100) < 3 {
            lost += 1;
        } else {
            feed(&mut statistics, 60_000, number, 0);
        }
    }
    feed(&mut statistics, 60_000, 100_000, 0);
    assert!(lost > 2_500);
    assert_eq!(statistics.packets_lost(), lost);
}

#[test]
fn it_does_not_take_reordering_for_loss() {
    let (mut statistics, mut random, mut swapped) = (ReceiveStatistics::default(), Random(11), 0);
    for pair in (0..10_000).step_by(2) {
        if pair > 0 && random.below(10) == 0 {
            swapped += 1;
            feed(&mut statistics, 1, pair + 1, 0);
            feed(&mut statistics, 1, pair, 0);
        } else {
            feed(&mut statistics, 1, pair, 0);
            feed(&mut statistics, 1, pair + 1, 0);
        }
    }
    assert!(swapped > 400);
    assert_eq!((statistics.packets_lost(), statistics.out_of_order()), (0, swapped));
}

#[test]
fn it_measures_jitter_as_the_mean_deviation_of_the_spacing() {
    let mut statistics = ReceiveStatistics::default();
    for number in 0..1000 {
        let delay_us = if number % 2 == 0 { 0 } else { 10_000 };
        feed(&mut statistics, 1, number, delay_us);
    }
    let jitter_ms = statistics.jitter_ms(RATE_HZ);
    assert!((9.0..=10.1).contains(&jitter_ms), "each gap is off by 10 ms: {jitter_ms}");
}

#[test]
fn it_does_not_count_repeats_of_a_telephone_event_as_jitter() {
    let mut statistics = ReceiveStatistics::default();
    for number in 0..50 {
        statistics.record(&header(number, 800, 1), 16, u64::from(number) * 20_000, RATE_HZ);
    }
    assert_eq!(statistics.jitter_ms(RATE_HZ), 0.0);
}

#[test]
fn it_goes_on_counting_when_the_sender_changes_its_ssrc() {
    let mut statistics = ReceiveStatistics::default();
    for sequence in [10, 11, 14] {
        statistics.record(&header(sequence, 0, 1), 172, 0, RATE_HZ);
    }
    for sequence in [50_000, 50_002] {
        statistics.record(&header(sequence, 0, 2), 172, 0, RATE_HZ);
    }
    assert_eq!((statistics.packets_lost(), statistics.packets(), statistics.ssrc()), (3, 5, Some(2)));
}

#[test]
fn it_takes_a_jump_as_a_restart_only_when_a_second_packet_confirms_it() {
    let mut statistics = ReceiveStatistics::default();
    for sequence in [100, 101, 30_000, 102] {
        statistics.record(&header(sequence, 0, 1), 172, 0, RATE_HZ);
    }
    assert_eq!(statistics.packets_lost(), 0, "one wild number is not 29,898 lost packets");
    statistics.record(&header(30_001, 0, 1), 172, 0, RATE_HZ);
    assert_eq!(
        statistics.report().unwrap().highest_sequence,
        102,
        "its neighbour came too late to confirm it"
    );
    for sequence in [40_000, 40_001, 40_003] {
        statistics.record(&header(sequence, 0, 1), 172, 0, RATE_HZ);
    }
    assert_eq!(statistics.packets_lost(), 1, "counted from the restart");
}

#[test]
fn it_reports_the_fraction_lost_per_interval_and_the_total() {
    let mut statistics = ReceiveStatistics::default();
    (0..100).filter(|number| number % 4 != 1).for_each(|number| feed(&mut statistics, 0, number, 0));
    let first = statistics.report().unwrap();
    assert_eq!((first.fraction_lost, first.cumulative_lost, first.highest_sequence), (64, 25, 99));
    (100..200).for_each(|number| feed(&mut statistics, 0, number, 0));
    let second = statistics.report().unwrap();
    assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 25));
}

#[test]
fn it_never_shows_a_negative_loss_for_duplicates() {
    let mut statistics = ReceiveStatistics::default();
    for number in 0..10 {
        feed(&mut statistics, 0, number, 0);
        feed(&mut statistics, 0, number, 0);
    }
    assert_eq!((statistics.packets_lost(), statistics.out_of_order()), (0, 10));
    assert_eq!(statistics.report().unwrap().cumulative_lost, -10);
}
