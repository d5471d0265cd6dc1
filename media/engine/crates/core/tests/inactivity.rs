// SPDX-License-Identifier: Apache-2.0
//! Silence: reported once, counted from the last packet, and not at all when turned off.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, MALLORY, TestRelay, rtp};
use media_core::{Event, SessionKey};

const SECOND_US: u64 = 1_000_000;

fn inactive(test: &mut TestRelay) -> usize {
    test.events().iter().filter(|event| matches!(event, Event::Inactive { .. })).count()
}

fn session(test: &mut TestRelay) -> SessionKey {
    let key = test.session_with("alice", ALICE);
    test.relay.set_inactivity(key, 10 * SECOND_US, test.now_us).unwrap();
    key
}

#[test]
fn it_reports_silence_once_from_the_beginning() {
    let mut test = TestRelay::new();
    session(&mut test);
    test.advance(10 * SECOND_US - 1);
    assert_eq!(inactive(&mut test), 0);
    test.advance(1);
    assert_eq!(inactive(&mut test), 1);
    test.advance(3600 * SECOND_US);
    assert_eq!(inactive(&mut test), 0);
}

#[test]
fn it_counts_from_the_last_accepted_packet() {
    let mut test = TestRelay::new();
    let a = session(&mut test);
    for sequence in 0..12 {
        test.advance(SECOND_US);
        test.receive_rtp(a, &rtp(0, sequence, 0, 1), ALICE);
    }
    test.advance(10 * SECOND_US - 1);
    assert_eq!(inactive(&mut test), 0);
    test.advance(1);
    assert_eq!(inactive(&mut test), 1);
}

#[test]
fn it_is_not_kept_alive_by_strangers() {
    let mut test = TestRelay::new();
    let a = session(&mut test);
    for sequence in 0..10 {
        test.advance(SECOND_US);
        test.receive_rtp(a, &rtp(0, sequence, 0, 1), MALLORY);
    }
    assert_eq!(inactive(&mut test), 1);
}

#[test]
fn it_reports_again_after_media_resumed() {
    let mut test = TestRelay::new();
    let a = session(&mut test);
    test.advance(10 * SECOND_US);
    test.receive_rtp(a, &rtp(0, 1, 0, 1), ALICE);
    assert_eq!(inactive(&mut test), 1);
    test.advance(10 * SECOND_US);
    assert_eq!(inactive(&mut test), 1);
}

#[test]
fn it_counts_anew_from_a_new_remote() {
    let mut test = TestRelay::new();
    let a = session(&mut test);
    test.advance(9 * SECOND_US);
    test.set_remote(a, Some(ALICE), None);
    test.advance(9 * SECOND_US);
    assert_eq!(inactive(&mut test), 0);
    test.advance(SECOND_US);
    assert_eq!(inactive(&mut test), 1);
}

#[test]
fn it_is_silent_when_turned_off_and_counts_from_when_it_is_on_again() {
    let mut test = TestRelay::new();
    let a = session(&mut test);
    test.relay.set_inactivity(a, 0, test.now_us).unwrap();
    test.advance(100 * SECOND_US);
    assert_eq!(inactive(&mut test), 0);
    test.relay.set_inactivity(a, SECOND_US, test.now_us).unwrap();
    test.advance(SECOND_US - 1);
    assert_eq!(inactive(&mut test), 0);
    test.advance(1);
    assert_eq!(inactive(&mut test), 1);
}

#[test]
fn it_takes_the_deadline_along_when_a_session_moves() {
    let mut test = TestRelay::new();
    let a = session(&mut test);
    let session = test.relay.remove(a).unwrap();
    let mut other = TestRelay::new();
    other.relay.insert(session, other.now_us);
    test.advance(100 * SECOND_US);
    assert_eq!(inactive(&mut test), 0);
    other.advance(10 * SECOND_US);
    assert_eq!(inactive(&mut other), 1);
}
