// SPDX-License-Identifier: Apache-2.0
//! What SRTP remembers of streams and keys: those that go on, begin anew, come back or are too many.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, BOB, TestRelay, changed, master, rtcp, rtp};
use media_core::Component;
use media_core::rtcp::write_report;
use media_core::rtp::RtpHeader;
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
fn it_is_heard_again_at_once_when_a_plain_remote_begins_anew_under_its_ssrc() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
    let mut receiver = Receiver::new(&master(SUITE, 1));
    let mut heard = |sequence| {
        let sent = test.receive_rtp(b, &rtp(0, sequence, 0, 7), BOB)?;
        Some(opened(&mut receiver, &sent.packet).unwrap())
    };
    for sequence in 50_000..50_100 {
        assert_eq!(heard(sequence), Some(rtp(0, sequence, 0, 7)));
    }
    assert_eq!(heard(20_000), None, "one that does not fit proves nothing");
    let ssrc = RtpHeader::parse(&heard(20_001).unwrap()).unwrap().ssrc;
    assert_ne!(ssrc, 7);
    for sequence in 20_002..20_100 {
        assert_eq!(heard(sequence), Some(rtp(0, sequence, 0, ssrc)));
    }
    assert_eq!(test.relay.statistics(a).unwrap().send_errors, 1);

    let mut report = Vec::new();
    write_report(&mut report, 7, None, None, "phone");
    let sent = test.receive(b, Component::Rtcp, &report, "198.51.100.2:6001").unwrap();
    let mut expected = Vec::new();
    write_report(&mut expected, ssrc, None, None, "phone");
    let told = changed(&sent.packet, |datagram| receiver.open_rtcp(datagram).is_ok());
    assert_eq!(told.unwrap(), expected, "reports name the SSRC that is sent");
}

#[test]
fn it_lets_no_number_of_streams_use_up_a_key() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    test.relay.set_srtp(a, Some(&keys(1, 2))).unwrap();
    let mut receiver = Receiver::new(&master(SUITE, 1));
    for ssrc in 0..2000 {
        let sent = test.receive_rtp(b, &rtp(0, 9, 0, ssrc), BOB).unwrap();
        assert_eq!(opened(&mut receiver, &sent.packet).unwrap()[12..], rtp(0, 9, 0, ssrc)[12..]);
    }
}
