// SPDX-License-Identifier: Apache-2.0
//! RTP bleed and injection: who is heard and who is sent to, with whole packets through the relay.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, BOB, MALLORY, TestRelay, address, rtcp, rtp};
use media_core::{Component, SessionKey};

const NAT: &str = "100.64.9.9:40123";
const NAT_IP: &str = "100.64.9.9";

fn destination_of_alice(test: &mut TestRelay, b: SessionKey) -> std::net::SocketAddr {
    test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).unwrap().destination
}

#[test]
fn it_hears_and_serves_no_stranger_at_any_time() {
    let mut test = TestRelay::new();
    let (a, b) = (test.session("alice"), test.session_with("bob", BOB));
    test.relay.bridge(a, b).unwrap();
    let attack = |test: &mut TestRelay, when: &str| {
        for sequence in 0..50 {
            assert_eq!(test.receive_rtp(a, &rtp(0, sequence, 0, 66), MALLORY), None, "{when}");
            assert_eq!(test.receive(a, Component::Rtcp, &rtcp(), MALLORY), None, "{when}");
        }
    };
    attack(&mut test, "before the remote is known");
    assert_eq!(test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB), None);
    test.set_remote(a, Some(ALICE), Some(NAT_IP));
    attack(&mut test, "before the remote speaks");
    test.receive_rtp(a, &rtp(0, 1, 0, 1), NAT).unwrap();
    attack(&mut test, "after learning");
    assert_eq!(destination_of_alice(&mut test, b), address(NAT));
    test.set_remote(a, Some(ALICE), Some(NAT_IP));
    attack(&mut test, "after a new offer");
    assert_eq!(destination_of_alice(&mut test, b), address(NAT));
    assert_eq!(test.relay.statistics(a).unwrap().dropped_strangers, 400);
    assert_eq!(test.relay.statistics(a).unwrap().packets_received, 1);
}

#[test]
fn it_finds_a_phone_behind_nat_by_its_signaling_address() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.set_remote(a, Some("10.0.0.5:4000"), Some(NAT_IP));
    assert!(test.receive_rtp(a, &rtp(0, 1, 0, 1), NAT).is_some());
    assert_eq!(destination_of_alice(&mut test, b), address(NAT));
}

#[test]
fn it_learns_nothing_from_an_invalid_packet() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.set_remote(a, Some(ALICE), Some(NAT_IP));
    assert_eq!(test.receive_rtp(a, b"\x00not rtp at all", NAT), None);
    assert_eq!(test.receive(a, Component::Rtcp, b"\x00not rtcp at all", NAT), None);
    assert_eq!(destination_of_alice(&mut test, b), address(ALICE));
    let sent = test.receive(b, Component::Rtcp, &rtcp(), "198.51.100.2:6001").unwrap();
    assert_eq!(sent.destination, address("192.0.2.1:4001"));
}

#[test]
fn it_sends_reports_beside_a_learned_address() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.set_remote(a, Some("10.0.0.5:4000"), Some(NAT_IP));
    test.receive_rtp(a, &rtp(0, 1, 0, 1), NAT).unwrap();
    let report = |test: &mut TestRelay| {
        test.receive(b, Component::Rtcp, &rtcp(), "198.51.100.2:6001").unwrap().destination
    };
    assert_eq!(report(&mut test), address("100.64.9.9:40124"), "the port above, until one is learned");
    assert!(test.receive(a, Component::Rtcp, &rtcp(), "100.64.9.9:50999").is_some());
    assert_eq!(report(&mut test), address("100.64.9.9:50999"));
}

#[test]
fn it_sends_reports_where_they_come_from_even_if_that_is_another_host_than_audio() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.set_remote(a, Some(ALICE), Some(NAT_IP));
    assert!(test.receive_rtp(a, &rtp(0, 1, 0, 1), NAT).is_some());
    assert!(test.receive(a, Component::Rtcp, &rtcp(), "192.0.2.1:4555").is_some());
    let sent = test.receive(b, Component::Rtcp, &rtcp(), "198.51.100.2:6001").unwrap();
    assert_eq!(sent.destination, address("192.0.2.1:4555"));
}

#[test]
fn it_lets_the_sdp_address_win_over_a_learned_one() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.set_remote(a, Some(ALICE), Some(NAT_IP));
    assert!(test.receive_rtp(a, &rtp(0, 1, 0, 1), NAT).is_some());
    assert!(test.receive_rtp(a, &rtp(0, 2, 0, 1), ALICE).is_some());
    assert_eq!(destination_of_alice(&mut test, b), address(ALICE));
    assert_eq!(test.receive_rtp(a, &rtp(0, 3, 0, 1), NAT), None);
}
