// SPDX-License-Identifier: Apache-2.0
//! SRTP through the relay: who is heard, what goes out, and what loss, reordering, wraps and attackers change.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use std::sync::{Arc, Mutex};

use common::{ALICE, BOB, Random, SSRC, Sent, TestRelay, address, changed, master, rtcp, rtp};
use media_core::rtp::RtpHeader;
use media_core::srtp::{MasterKey, Receiver, Rejected, Sender, SrtpKeys, Suite};
use media_core::{Audio, AudioTap, Component, Direction, SessionKey};

const SUITES: [Suite; 2] = [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32];
const ALICE_RTCP: &str = "192.0.2.1:4001";
const NAT: &str = "192.0.2.1:4444";

/// A remote with keys: what it sends and what it understands.
struct Phone {
    sender: Sender,
    receiver: Receiver,
}

impl Phone {
    fn protect(&mut self, packet: &[u8]) -> Vec<u8> {
        changed(packet, |datagram| self.sender.protect_rtp(datagram)).unwrap()
    }

    fn protect_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        changed(packet, |datagram| self.sender.protect_rtcp(datagram)).unwrap()
    }

    fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
        let mut result = Ok(());
        let opened = changed(packet, |datagram| {
            result = self.receiver.open_rtp(datagram);
            true
        });
        result.map(|()| opened.unwrap())
    }

    fn open_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
        let mut result = Ok(());
        let opened = changed(packet, |datagram| {
            result = self.receiver.open_rtcp(datagram);
            true
        });
        result.map(|()| opened.unwrap())
    }
}

/// Gives a session keys and returns its remote, which has the same.
fn encrypt(test: &mut TestRelay, key: SessionKey, suite: Suite, number: u8) -> Phone {
    let keys = SrtpKeys { local: master(suite, number), remote: master(suite, number + 1) };
    test.relay.set_srtp(key, Some(&keys)).unwrap();
    Phone { sender: Sender::new(&keys.remote), receiver: Receiver::new(&keys.local) }
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn it_writes_the_octets_that_libsrtp_writes() {
    let key = hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6").try_into().unwrap();
    let mut sender = Sender::new(&MasterKey::new(Suite::AesCm128HmacSha1_80, &key));
    let plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let sent = changed(&plain, |datagram| sender.protect_rtp(datagram)).unwrap();
    assert_eq!(sent, hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"));
    let plain = hex("81c8000bcafebabeabababababababababababababababab");
    let sent = changed(&plain, |datagram| sender.protect_rtcp(datagram)).unwrap();
    let expected = "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798";
    assert_eq!(sent, hex(expected));
}

#[test]
fn it_joins_a_plain_remote_and_one_with_keys() {
    for suite in SUITES {
        let mut test = TestRelay::new();
        let (a, b) = test.call();
        let mut alice = encrypt(&mut test, a, suite, 1);
        for sequence in 0..10 {
            let plain = rtp(0, sequence, 160, 7);
            let to_bob = test.receive_rtp(a, &alice.protect(&plain), ALICE).unwrap();
            assert_eq!((to_bob.packet, to_bob.destination), (plain.clone(), address(BOB)));
            let to_alice = test.receive_rtp(b, &plain, BOB).unwrap();
            assert_ne!(to_alice.packet[12..172], plain[12..], "it is encrypted");
            assert_eq!(alice.open(&to_alice.packet).unwrap(), plain);
        }
        let into = test.relay.statistics(a).unwrap();
        assert_eq!((into.packets_received, into.bytes_received, into.bytes_sent), (10, 1720, 1720));
    }
}

#[test]
fn it_joins_remotes_of_different_keys_and_suites() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let mut alice = encrypt(&mut test, a, SUITES[0], 1);
    let mut bob = encrypt(&mut test, b, SUITES[1], 9);
    for sequence in 0..10 {
        let plain = rtp(0, sequence, 160, 7);
        let to_bob = test.receive_rtp(a, &alice.protect(&plain), ALICE).unwrap();
        assert_eq!(bob.open(&to_bob.packet).unwrap(), plain);
        let to_alice = test.receive_rtp(b, &bob.protect(&plain), BOB).unwrap();
        assert_eq!(alice.open(&to_alice.packet).unwrap(), plain);
    }
}

#[test]
fn it_protects_reports_that_it_relays_and_its_own() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let mut alice = encrypt(&mut test, a, SUITES[1], 1);
    let to_bob = test.receive(a, Component::Rtcp, &alice.protect_rtcp(&rtcp()), ALICE_RTCP).unwrap();
    assert_eq!(to_bob.packet, rtcp());
    let to_alice = test.receive(b, Component::Rtcp, &rtcp(), "198.51.100.2:6001").unwrap();
    assert_eq!(alice.open_rtcp(&to_alice.packet).unwrap(), rtcp());
    assert_eq!(alice.open_rtcp(&to_alice.packet), Err(Rejected::Replayed));
    assert_eq!(test.receive(a, Component::Rtcp, &rtcp(), ALICE_RTCP), None, "a plain report is not taken");
    assert_eq!(test.relay.statistics(a).unwrap().dropped_unauthenticated, 1);

    test.relay.unbridge(a).unwrap();
    test.play(a, "p", 100, true);
    let sent = test.advance(10_000_000);
    let reports: Vec<&Sent> = sent.iter().filter(|sent| sent.component == Component::Rtcp).collect();
    assert!(!reports.is_empty());
    for report in reports {
        assert_eq!(alice.open_rtcp(&report.packet).unwrap()[1], 200, "a sender report");
    }
}

#[test]
fn it_protects_prompts_and_echo() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    let mut alice = encrypt(&mut test, a, SUITES[0], 1);
    test.play(a, "p", 5, false);
    let sent = test.advance(200_000);
    assert_eq!(sent.len(), 5);
    for packet in sent {
        let opened = alice.open(&packet.packet).unwrap();
        assert_eq!((opened.len(), RtpHeader::parse(&opened).unwrap().ssrc), (172, SSRC));
    }
    test.relay.bridge(a, a).unwrap();
    let plain = rtp(0, 1, 160, 7);
    let echo = test.receive_rtp(a, &alice.protect(&plain), ALICE).unwrap();
    assert_eq!(alice.open(&echo.packet).unwrap()[12..], plain[12..]);
}

#[derive(Debug)]
struct Heard(Arc<Mutex<Payloads>>);

type Payloads = Vec<(Direction, Vec<u8>)>;

impl AudioTap for Heard {
    fn take(&mut self, audio: &Audio<'_>) {
        self.0.lock().unwrap().push((audio.direction, audio.payload.to_vec()));
    }
}

#[test]
fn it_lets_a_recorder_hear_both_sides_in_clear() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let mut alice = encrypt(&mut test, a, SUITES[0], 1);
    let heard = Arc::new(Mutex::new(Payloads::new()));
    test.relay.set_tap(a, Some(Box::new(Heard(heard.clone())))).unwrap();
    let plain = rtp(0, 1, 160, 7);
    test.receive_rtp(a, &alice.protect(&plain), ALICE).unwrap();
    test.receive_rtp(b, &plain, BOB).unwrap();
    let payload = plain[12..].to_vec();
    let expected = [(Direction::FromRemote, payload.clone()), (Direction::ToRemote, payload)];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[test]
fn it_learns_no_address_from_who_lacks_the_key() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    let mut alice = encrypt(&mut test, a, SUITES[0], 1);
    let mut impostor = Phone {
        sender: Sender::new(&master(SUITES[0], 77)),
        receiver: Receiver::new(&master(SUITES[0], 77)),
    };
    for packet in [rtp(0, 1, 160, 7), impostor.protect(&rtp(0, 1, 160, 7)), b"\x80junk".to_vec()] {
        assert_eq!(test.receive_rtp(a, &packet, NAT), None);
    }
    let report = impostor.protect_rtcp(&rtcp());
    assert_eq!(test.receive(a, Component::Rtcp, &report, "192.0.2.1:4445"), None);
    assert_eq!(test.receive_rtp(b, &rtp(0, 1, 0, 2), BOB).unwrap().destination, address(ALICE));
    let statistics = test.relay.statistics(a).unwrap();
    assert_eq!((statistics.dropped_unauthenticated, statistics.dropped_invalid), (3, 1));
    assert_eq!(statistics.packets_received + statistics.rtcp_received, 0);
    assert!(!format!("{:?}", test.events()).contains("alice"), "her media has not started");

    test.receive_rtp(a, &alice.protect(&rtp(0, 1, 160, 7)), NAT).unwrap();
    assert_eq!(test.receive_rtp(b, &rtp(0, 2, 0, 2), BOB).unwrap().destination, address(NAT));
}

#[test]
fn it_does_not_take_forgeries_for_life_signs() {
    let mut test = TestRelay::new();
    let (a, _) = test.call();
    encrypt(&mut test, a, SUITES[0], 1);
    for sequence in 0..1600 {
        test.receive_rtp(a, &rtp(0, sequence, 160, 7), ALICE);
        test.advance(20_000);
    }
    assert!(format!("{:?}", test.events()).contains("Inactive"), "silence is told in spite of them");
}

#[test]
fn it_takes_no_packet_twice() {
    let mut test = TestRelay::new();
    let (a, _) = test.call();
    let mut alice = encrypt(&mut test, a, SUITES[1], 1);
    let packets: Vec<Vec<u8>> = (0..300).map(|sequence| alice.protect(&rtp(0, sequence, 160, 7))).collect();
    for packet in &packets {
        assert!(test.receive_rtp(a, packet, ALICE).is_some());
        assert!(test.receive_rtp(a, packet, ALICE).is_none());
    }
    for packet in &packets {
        assert!(test.receive_rtp(a, packet, ALICE).is_none());
    }
    let statistics = test.relay.statistics(a).unwrap();
    assert_eq!((statistics.packets_received, statistics.dropped_replayed), (300, 600));
}

#[test]
fn it_encrypts_no_two_packets_alike() {
    let mut test = TestRelay::new();
    let (a, b) = test.call();
    encrypt(&mut test, a, SUITES[0], 1);
    assert!(test.receive_rtp(b, &rtp(0, 5, 160, 7), BOB).is_some());
    let mut other = rtp(0, 5, 160, 7);
    other[100] ^= 1;
    assert!(
        test.receive_rtp(b, &other, BOB).is_none(),
        "two texts under one key stream tell their difference"
    );
    let statistics = test.relay.statistics(a).unwrap();
    assert_eq!((statistics.packets_sent, statistics.send_errors), (1, 1));
}

#[test]
fn it_follows_wraps_through_loss_and_reordering() {
    for suite in SUITES {
        let mut test = TestRelay::new();
        let (a, b) = test.call();
        let mut alice = encrypt(&mut test, a, suite, 1);
        let mut bob = encrypt(&mut test, b, suite, 5);
        let mut random = Random(7);
        let mut late: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let (mut passed, mut sent) = (0, 0);
        for number in (65_000_u32..65_000 + 200_000).step_by(9) {
            let plain = rtp(0, number as u16, number.wrapping_mul(160), 7);
            let protected = alice.protect(&plain);
            match random.below(10) {
                0 => continue,
                1 | 2 => late.push((plain, protected)),
                _ => late.insert(0, (plain, protected)),
            }
            if late.len() > 5 {
                for (plain, protected) in late.drain(..) {
                    sent += 1;
                    let to_bob = test.receive_rtp(a, &protected, ALICE).unwrap();
                    assert_eq!(bob.open(&to_bob.packet).unwrap(), plain, "{number}");
                    passed += 1;
                }
            }
        }
        assert_eq!(passed, sent);
        assert!(passed > 19_000);
    }
}

#[test]
fn it_joins_a_stream_whose_numbers_have_wrapped_elsewhere() {
    let mut sender = Sender::new(&master(SUITES[0], 2));
    let mut test = TestRelay::new();
    let (a, _) = test.call();
    encrypt(&mut test, a, SUITES[0], 1);
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
fn it_takes_no_packet_of_which_a_bit_was_changed() {
    for suite in SUITES {
        let (mut test, mut random) = (TestRelay::new(), Random(20_261_123));
        let (a, _) = test.call();
        let mut alice = encrypt(&mut test, a, suite, 1);
        for sequence in 0..60 {
            let packet = alice.protect(&rtp(0, sequence, 160, 7));
            for _ in 0..30 {
                let mut forged = packet.clone();
                let at = random.below(forged.len() as u64) as usize;
                forged[at] ^= 1 << random.below(8);
                forged.truncate(forged.len() - random.below(3) as usize);
                if forged != packet {
                    assert_eq!(test.receive_rtp(a, &forged, ALICE), None);
                }
            }
            assert!(test.receive_rtp(a, &packet, ALICE).is_some(), "the real one still comes in");
        }
    }
}

#[test]
fn it_accounts_for_every_datagram_of_a_stranger_to_the_keys() {
    let (mut test, mut random) = (TestRelay::new(), Random(5));
    let (a, _) = test.call();
    encrypt(&mut test, a, SUITES[0], 1);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.below(90)).map(|_| random.next() as u8).collect();
        if random.below(2) == 0 && !bytes.is_empty() {
            bytes[0] = 0x80;
        }
        let component = if random.below(2) == 0 { Component::Rtp } else { Component::Rtcp };
        let from = if component == Component::Rtp { ALICE } else { ALICE_RTCP };
        assert_eq!(test.receive(a, component, &bytes, from), None);
    }
    let counted = test.relay.statistics(a).unwrap();
    let dropped = counted.dropped_invalid + counted.dropped_unauthenticated + counted.dropped_replayed;
    assert_eq!(dropped, 20_000);
}
