// SPDX-License-Identifier: Apache-2.0
//! Prompts: pacing, continuity over prompts, late ticks, and what happens to the peer's audio meanwhile.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, BOB, SSRC, Sent, TestRelay, address, rtcp, rtp};
use media_core::{Component, Event, MAX_CATCH_UP_PACKETS, PACKET_US};

fn rtp_only(sent: Vec<Sent>) -> Vec<Sent> {
    sent.into_iter().filter(|sent| sent.component == Component::Rtp).collect()
}

fn names(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::PlayStarted { play, .. } => format!("started {play}"),
        Event::PlayCompleted { play, .. } => format!("completed {play}"),
        Event::PlayStopped { play, .. } => format!("stopped {play}"),
        other => format!("{other:?}"),
    };
    events.iter().map(name).collect()
}

#[test]
fn it_sends_a_packet_every_20_ms_from_the_first_moment() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    let start_us = test.now_us;
    test.play(a, "p", 5, false);
    let sent = test.advance(1_000_000);
    let times: Vec<_> = sent.iter().map(|sent| sent.at_us - start_us).collect();
    assert_eq!(times, [0, 20_000, 40_000, 60_000, 80_000]);
    assert!(sent.iter().all(|sent| sent.destination == address(ALICE) && sent.packet.len() == 172));
}

#[test]
fn it_numbers_packets_across_the_wrap_and_marks_the_first() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 4, false);
    let headers: Vec<_> = test.advance(1_000_000).iter().map(Sent::header).collect();
    let sequences: Vec<_> = headers.iter().map(|header| header.sequence).collect();
    let timestamps: Vec<_> = headers.iter().map(|header| header.timestamp).collect();
    let markers: Vec<_> = headers.iter().map(|header| header.marker).collect();
    assert_eq!(sequences, [65_534, 65_535, 0, 1]);
    assert_eq!(timestamps, [1000, 1160, 1320, 1480]);
    assert_eq!(markers, [true, false, false, false]);
    assert!(headers.iter().all(|header| header.ssrc == SSRC && header.payload_type == 0));
}

#[test]
fn it_tells_when_the_last_packet_has_been_heard() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 3, false);
    test.advance(3 * PACKET_US - 1);
    assert_eq!(names(&test.events()), ["started p"]);
    test.advance(1);
    assert_eq!(names(&test.events()), ["completed p"]);
}

#[test]
fn it_completes_an_empty_prompt_without_a_packet() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 0, true);
    assert_eq!(test.advance(100_000), []);
    assert_eq!(names(&test.events()), ["started p", "completed p"]);
}

#[test]
fn it_moves_the_timestamp_by_the_pause_between_two_prompts() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "one", 1, false);
    test.advance(100_000);
    test.play(a, "two", 1, false);
    let header = test.advance(100_000)[0].header();
    assert_eq!((header.sequence, header.timestamp, header.marker), (65_535, 1000 + 800, true));
}

#[test]
fn it_joins_a_prompt_that_follows_at_once_without_a_gap() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "one", 5, false);
    let first = test.advance(50_000);
    test.play(a, "two", 5, false);
    let second = test.advance(500_000);
    assert_eq!(names(&test.events()), ["started one", "stopped one", "started two", "completed two"]);
    let (last, next) = (first.last().unwrap(), second.first().unwrap());
    assert_eq!(next.at_us - last.at_us, PACKET_US, "not sooner than a packet lasts");
    assert_eq!(next.header().timestamp - last.header().timestamp, 160);
}

#[test]
fn it_repeats_until_it_is_stopped() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 3, true);
    let sent = test.advance(10 * PACKET_US - 1);
    assert_eq!(sent.len(), 10);
    assert_eq!(sent.iter().filter(|sent| sent.header().marker).count(), 1, "one talk spurt");
    test.relay.stop(a).unwrap();
    assert_eq!(rtp_only(test.advance(1_000_000)), []);
    assert_eq!(names(&test.events()), ["started p", "stopped p"]);
}

#[test]
fn it_catches_up_after_a_late_tick_in_a_small_burst() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 50, false);
    test.now_us += 2 * PACKET_US;
    assert_eq!(test.tick().len(), 3);
    let sent = test.advance(PACKET_US);
    assert_eq!((sent.len(), sent[0].header().marker), (1, false), "on schedule again");
}

#[test]
fn it_moves_the_schedule_when_a_tick_is_too_late_to_catch_up() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 50, false);
    test.now_us += 500_000;
    let burst = test.tick();
    assert_eq!(burst.len(), MAX_CATCH_UP_PACKETS);
    assert_eq!(test.tick().len(), 0);
    let resumed = test.advance(PACKET_US);
    assert_eq!(resumed.len(), 1);
    let (before, after) = (burst[2].header(), resumed[0].header());
    assert!(after.marker, "a new talk spurt");
    assert_eq!(after.sequence, before.sequence.wrapping_add(1), "no packet is skipped");
    let moved_us = 500_000 + PACKET_US - 2 * PACKET_US;
    assert_eq!(u64::from(after.timestamp - before.timestamp), moved_us * 8 / 1000);
}

#[test]
fn it_replaces_the_peers_audio_while_it_plays() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.play(a, "p", 2, false);
    test.advance(1);
    assert_eq!(test.receive_rtp(b, &rtp(0, 1, 0, 1), BOB), None);
    assert!(test.receive_rtp(a, &rtp(0, 1, 0, 1), ALICE).is_some(), "the other direction goes on");
    assert_eq!(test.receive(a, Component::Rtcp, &rtcp(), "192.0.2.1:4001"), None, "reports about the prompt");
    assert_eq!(
        test.receive(b, Component::Rtcp, &rtcp(), "198.51.100.2:6001"),
        None,
        "reports about audio that is not heard"
    );
    test.advance(2 * PACKET_US);
    assert!(test.receive_rtp(b, &rtp(0, 2, 160, 1), BOB).is_some());
}

#[test]
fn it_goes_on_without_packets_while_the_remote_is_on_hold() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 5, false);
    test.set_remote(a, None, None);
    assert_eq!(test.advance(1_000_000), []);
    assert_eq!(names(&test.events()), ["started p", "completed p"]);
    assert_eq!(test.relay.statistics(a).unwrap().packets_sent, 0);
}

#[test]
fn it_reports_a_prompt_as_stopped_when_its_session_ends() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 5, false);
    assert_eq!(test.relay.destroy(a).unwrap().packets_sent, 0);
    assert_eq!(names(&test.events()), ["started p", "stopped p"]);
    assert_eq!(test.advance(1_000_000), []);
}

#[test]
fn it_keeps_the_pace_for_an_hour() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 7, true);
    let hour_us = 3_600_000_000;
    let sent = rtp_only(test.advance(hour_us - 1));
    assert_eq!(sent.len() as u64, hour_us / PACKET_US);
    assert_eq!(sent.last().unwrap().header().timestamp, 1000 + 160 * (180_000 - 1));
}
