// SPDX-License-Identifier: Apache-2.0
//! What SRTP remembers of streams and keys: those that go on, begin anew, come back or are too many.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, BOB, TestRelay, changed, master, rtcp, rtp};
use media_core::Component;
use media_core::srtp::{Receiver, Rejected, Sender, SrtpKeys, Suite};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

fn keys(local: u8, remote: u8) -> SrtpKeys {
    SrtpKeys { local: master(SUITE, local), remote: master(SUITE, remote) }
}

/// What the remote makes of a packet under the key of that number.
fn opened(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
    let mut result = Ok(());
    let opened = changed(packet, |datagram| {
        result = receiver.open_rtp(datagram);
        true
    });
    result.map(|()| opened.unwrap())
}

#[test]
fn it_goes_on_with_a_key_that_is_set_again_and_begins_anew_with_another() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
    let mut alice = Sender::new(&master(SUITE, 2));
    let mut first = || changed(&rtp(0, 9, 0, 7), |datagram| alice.protect_rtp(datagram));
    let first = first().unwrap();
    assert!(test.receive_rtp(a, &first, ALICE).is_some());
    let before = test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).unwrap().packet;
    test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
    assert!(test.receive_rtp(a, &first, ALICE).is_none(), "the window is kept");
    assert!(test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).is_none(), "and so are the numbers used");
    test.relay.set_srtp(a, Some(&keys(3, 4))).unwrap();
    assert!(test.receive_rtp(a, &first, ALICE).is_none(), "the old key is out");
    let after = test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).unwrap().packet;
    assert_ne!(before, after);
    test.relay.set_srtp(a, None).unwrap();
    assert_eq!(test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).unwrap().packet, rtp(0, 1, 0, 2));
}

#[test]
fn it_goes_on_with_keys_that_come_back() {
    let between: [&[Option<SrtpKeys>]; 4] = [
        &[None],
        &[Some(keys(3, 4))],
        &[Some(keys(3, 4)), None],
        &[None, Some(keys(3, 4)), Some(keys(5, 6)), Some(keys(3, 4)), None, None],
    ];
    for changes in between {
        let mut test = TestRelay::new();
        let (a, b) = test.call();
        let mut alice = Sender::new(&master(SUITE, 2));
        let first = changed(&rtp(0, 9, 0, 7), |datagram| alice.protect_rtp(datagram)).unwrap();
        test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
        assert!(test.receive_rtp(a, &first, ALICE).is_some());
        assert!(test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).is_some());
        let report = test.receive(b, Component::Rtcp, &rtcp(), "198.51.100.2:6001").unwrap().packet;
        for change in changes {
            test.relay.set_srtp(a, change.as_ref()).unwrap();
        }
        test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
        assert!(test.receive_rtp(a, &first, ALICE).is_none(), "what was taken stays out: {changes:?}");
        assert!(test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).is_none(), "a number is used once: {changes:?}");
        let next = test.receive(b, Component::Rtcp, &rtcp(), "198.51.100.2:6001").unwrap().packet;
        assert_ne!(report, next, "and so is that of a report: {changes:?}");
    }
}

#[test]
fn it_joins_a_stream_whose_numbers_have_wrapped_elsewhere() {
    let mut sender = Sender::new(&master(SUITE, 2));
    let mut test = TestRelay::new();
    let (a, _) = test.call();
    test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
    let mut protect = |number: u32| {
        let plain = rtp(0, number as u16, 0, 7);
        changed(&plain, |datagram| sender.protect_rtp(datagram)).unwrap()
    };
    let old = protect(0);
    for number in (1000..200_000).step_by(1000) {
        protect(number);
    }
    for number in 200_000..200_010 {
        assert!(test.receive_rtp(a, &protect(number), ALICE).is_some(), "{number}");
    }
    assert!(test.receive_rtp(a, &old, ALICE).is_none(), "what was sent before stays out");
}

#[test]
fn it_tries_later_counters_for_a_new_stream_only() {
    let mut sender = Sender::new(&master(SUITE, 2));
    let mut receiver = Receiver::new(&master(SUITE, 2));
    let mut packets = (0..150_000_u32).step_by(1000).map(|number| {
        changed(&rtp(0, number as u16, 0, 7), |datagram| sender.protect_rtp(datagram)).unwrap()
    });
    assert!(opened(&mut receiver, &packets.next().unwrap()).is_ok());
    let wrapped_twice = packets.last().unwrap();
    assert_eq!(opened(&mut receiver, &wrapped_twice), Err(Rejected::Unauthenticated));
    assert!(opened(&mut Receiver::new(&master(SUITE, 2)), &wrapped_twice).is_ok());
}

#[test]
fn it_echoes_each_stream_of_a_remote_as_one_of_its_own() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
    test.relay.bridge(a, a).unwrap();
    let mut alice = Sender::new(&master(SUITE, 2));
    let mut receiver = Receiver::new(&master(SUITE, 1));
    for (ssrc, sequence) in [(7, 50_000), (8, 20_000), (8, 20_001), (7, 50_001)] {
        let plain = rtp(0, sequence, 0, ssrc);
        let sent = changed(&plain, |datagram| alice.protect_rtp(datagram)).unwrap();
        let echo = test.receive_rtp(a, &sent, ALICE).unwrap();
        assert_eq!(opened(&mut receiver, &echo.packet).unwrap()[12..], plain[12..], "{ssrc} {sequence}");
    }
}

#[test]
fn it_refuses_more_streams_than_it_can_remember() {
    let mut sender = Sender::new(&master(SUITE, 1));
    let mut protect = |ssrc| changed(&rtp(0, 1, 0, ssrc), |datagram| sender.protect_rtp(datagram)).is_some();
    assert!((0..256).all(&mut protect));
    assert!(!protect(256));
    assert!(!(0..256).any(protect), "no stream was forgotten for another");
}
