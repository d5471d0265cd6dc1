// SPDX-License-Identifier: Apache-2.0
//! Two sessions bridged: what passes, what is changed on the way, and when nothing passes.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, BOB, ECHO_MASK, MALLORY, TestRelay, address, rtcp, rtp};
use media_core::{Component, Event, MediaError, PayloadMap, Remote, Session, SessionConfig, SessionSeed};

#[test]
fn it_relays_a_packet_as_it_is() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let packet = rtp(0, 7, 160, 99);
    let sent = test.receive_rtp(a, &packet, ALICE).unwrap();
    assert_eq!((sent.key, sent.component, sent.destination), (b, Component::Rtp, address(BOB)));
    assert_eq!(sent.packet, packet);
}

#[test]
fn it_relays_both_ways() {
    let mut test = TestRelay::new();
    let (_, b) = test.call();
    assert_eq!(test.receive_rtp(b, &rtp(0, 1, 0, 1), BOB).unwrap().destination, address(ALICE));
}

#[test]
fn it_relays_nothing_after_the_bridge_is_taken_down() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.relay.unbridge(b).unwrap();
    assert_eq!(test.receive_rtp(a, &rtp(0, 1, 0, 1), ALICE), None);
    assert_eq!(test.relay.statistics(a).unwrap().packets_received, 1, "it is counted all the same");
}

#[test]
fn it_ends_earlier_bridges_of_both_sides() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let c = test.session_with("carol", "192.0.2.3:8000");
    test.relay.bridge(b, c).unwrap();
    assert_eq!(test.receive_rtp(a, &rtp(0, 1, 0, 1), ALICE), None);
    assert_eq!(test.receive_rtp(c, &rtp(0, 1, 0, 1), "192.0.2.3:8000").unwrap().key, b);
    test.relay.bridge(a, b).unwrap();
    assert_eq!(test.receive_rtp(c, &rtp(0, 2, 0, 1), "192.0.2.3:8000"), None);
}

#[test]
fn it_relays_nothing_to_a_session_that_was_destroyed() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.relay.destroy(b).unwrap();
    assert_eq!(test.receive_rtp(a, &rtp(0, 1, 0, 1), ALICE), None);
    assert_eq!(test.relay.bridge(a, b), Err(MediaError::UnknownSession));
}

#[test]
fn it_sends_nothing_to_a_remote_on_hold() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.set_remote(b, None, None);
    assert_eq!(test.receive_rtp(a, &rtp(0, 1, 0, 1), ALICE), None);
    assert_eq!(test.receive(a, Component::Rtcp, &rtcp(), "192.0.2.1:4001"), None);
    assert_eq!(test.relay.statistics(b).unwrap().packets_sent, 0);
}

#[test]
fn it_renames_payload_types_for_the_receiving_remote_only() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.relay.set_payload_map(b, PayloadMap::new(&[(101, 96)], Some(&[0])).unwrap()).unwrap();
    let to_bob = test.receive_rtp(a, &rtp(101, 1, 0, 1), ALICE).unwrap();
    assert_eq!(to_bob.header().payload_type, 96);
    let to_alice = test.receive_rtp(b, &rtp(101, 1, 0, 1), BOB).unwrap();
    assert_eq!(to_alice.header().payload_type, 101);
}

#[test]
fn it_drops_and_counts_payload_types_that_were_not_negotiated() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.relay.set_payload_map(b, PayloadMap::new(&[], Some(&[0])).unwrap()).unwrap();
    assert_eq!(test.receive_rtp(a, &rtp(18, 1, 0, 1), ALICE), None);
    assert_eq!(test.relay.statistics(b).unwrap().dropped_payload_type, 1);
}

#[test]
fn it_echoes_a_session_bridged_to_itself_under_another_ssrc() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.relay.bridge(a, a).unwrap();
    let packet = rtp(0, 9, 160, 99);
    let sent = test.receive_rtp(a, &packet, ALICE).unwrap();
    assert_eq!((sent.key, sent.destination, sent.header().ssrc), (a, address(ALICE), 99 ^ ECHO_MASK));
    assert_eq!((&sent.packet[..8], &sent.packet[12..]), (&packet[..8], &packet[12..]));
    assert_eq!(test.receive(a, Component::Rtcp, &rtcp(), "192.0.2.1:4001"), None, "reports are not echoed");
}

#[test]
fn it_echoes_under_another_ssrc_even_when_the_seed_is_zero() {
    let mut test = TestRelay::new();
    let seed = SessionSeed { ssrc: 1, echo_mask: 0, sequence: 1, timestamp: 1 };
    let config = SessionConfig { id: "a".into(), clock_rate_hz: 8000, inactivity_us: 0, seed };
    let a = test.relay.insert(Box::new(Session::new(config, 0)), 0);
    test.set_remote(a, Some(ALICE), None);
    test.relay.bridge(a, a).unwrap();
    assert_ne!(test.receive_rtp(a, &rtp(0, 9, 160, 99), ALICE).unwrap().header().ssrc, 99);
}

#[test]
fn it_drops_and_counts_what_is_not_rtp() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    for junk in [&b"hello"[..], &[0x80; 11], &[0x00; 172], &rtcp()] {
        assert_eq!(test.receive_rtp(a, junk, ALICE), None);
    }
    let statistics = test.relay.statistics(a).unwrap();
    assert_eq!((statistics.dropped_invalid, statistics.packets_received), (4, 0));
    assert_eq!(test.relay.statistics(b).unwrap().packets_sent, 0);
}

#[test]
fn it_relays_valid_rtcp_to_the_port_above() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let sent = test.receive(a, Component::Rtcp, &rtcp(), "192.0.2.1:4001").unwrap();
    assert_eq!((sent.key, sent.component), (b, Component::Rtcp));
    assert_eq!(sent.destination, address("198.51.100.2:6001"));
    assert_eq!(test.receive(a, Component::Rtcp, b"junk that is long", "192.0.2.1:4001"), None);
    assert_eq!(test.receive(a, Component::Rtcp, &rtcp(), MALLORY), None);
    let statistics = test.relay.statistics(a).unwrap();
    assert_eq!(
        (statistics.rtcp_received, statistics.dropped_invalid, statistics.dropped_strangers),
        (1, 1, 1)
    );
}

#[test]
fn it_speaks_rtcp_on_the_rtp_port_with_a_remote_that_shares_it() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let remote = Remote { rtp: Some(address(BOB)), rtcp: Some(address(BOB)), signaling_ip: None };
    test.relay.set_remote(b, &remote, test.now_us).unwrap();
    let to_bob = test.receive(a, Component::Rtcp, &rtcp(), "192.0.2.1:4001").unwrap();
    assert_eq!((to_bob.component, to_bob.destination), (Component::Rtp, address(BOB)));
    let to_alice = test.receive_rtp(b, &rtcp(), BOB).unwrap();
    assert_eq!((to_alice.component, to_alice.destination), (Component::Rtcp, address("192.0.2.1:4001")));
}

#[test]
fn it_reports_the_first_packet_of_a_session_once() {
    let mut test = TestRelay::new();
    let (a, _) = test.call();
    for sequence in 0..3 {
        test.receive_rtp(a, &rtp(0, sequence, 0, 1), ALICE);
    }
    test.set_remote(a, Some(ALICE), None);
    test.receive_rtp(a, &rtp(0, 4, 0, 1), ALICE);
    assert_eq!(test.events(), [Event::MediaStarted { session: "alice".into() }]);
}

#[test]
fn it_keeps_counters_and_latching_when_a_session_moves_to_another_relay() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.receive_rtp(a, &rtp(0, 1, 0, 1), ALICE);
    let session = test.relay.remove(a).unwrap();
    assert_eq!(test.receive_rtp(b, &rtp(0, 1, 0, 1), BOB), None, "the bridge is gone");
    let mut other = TestRelay::new();
    let a = other.relay.insert(session, other.now_us);
    assert!(other.receive_rtp(a, &rtp(0, 2, 160, 1), MALLORY).is_none());
    let statistics = other.relay.statistics(a).unwrap();
    assert_eq!((statistics.packets_received, statistics.dropped_strangers), (1, 1));
}
