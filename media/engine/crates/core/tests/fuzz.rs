// SPDX-License-Identifier: Apache-2.0
//! Random and mutated datagrams by a fixed seed: nothing panics, nothing is counted twice or not at all.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, BOB, MALLORY, Random, TestRelay, rtcp, rtp};
use media_core::Component;

const DATAGRAMS: u64 = 300_000;

/// A datagram that is random, or a good one with a few octets changed and the end cut off.
fn datagram(random: &mut Random) -> Vec<u8> {
    let mut bytes = match random.below(4) {
        0 => (0..random.below(64)).map(|_| random.next() as u8).collect(),
        1 => rtcp(),
        _ => rtp(random.below(128) as u8, random.next() as u16, random.next() as u32, random.below(3) as u32),
    };
    for _ in 0..random.below(4) {
        if !bytes.is_empty() {
            let at = random.below(bytes.len().min(40) as u64) as usize;
            bytes[at] = random.next() as u8;
        }
    }
    let keep = if random.below(3) == 0 { random.below(bytes.len() as u64 + 1) as usize } else { bytes.len() };
    bytes.truncate(keep);
    bytes
}

#[test]
fn it_accounts_for_every_datagram_and_never_panics() {
    let (mut test, mut random) = (TestRelay::new(), Random(20_260_731));
    let (a, b) = test.call();
    let (mut offered, mut forwarded) = (0, 0);
    for _ in 0..DATAGRAMS {
        test.now_us += random.below(30_000);
        let component = if random.below(2) == 0 { Component::Rtp } else { Component::Rtcp };
        let from = [ALICE, "192.0.2.1:4001", MALLORY, BOB][random.below(4) as usize];
        offered += 1;
        forwarded += u64::from(test.receive(a, component, &datagram(&mut random), from).is_some());
    }
    let (into, out) = (test.relay.statistics(a).unwrap(), test.relay.statistics(b).unwrap());
    let counted = into.packets_received + into.rtcp_received + into.dropped_strangers + into.dropped_invalid;
    assert_eq!(counted, offered);
    assert_eq!(out.packets_sent + out.rtcp_sent, forwarded);
    assert!(into.packets_received > 10_000 && into.dropped_invalid > 10_000, "both sides were exercised");
}

#[test]
fn it_survives_random_commands_between_random_datagrams() {
    let (mut test, mut random) = (TestRelay::new(), Random(42));
    let mut keys = vec![test.session_with("alice", ALICE), test.session_with("bob", BOB)];
    for round in 0..50_000 {
        let (key, other) = (keys[random.below(2) as usize], keys[random.below(2) as usize]);
        match random.below(40) {
            0 => test.relay.bridge(key, other).unwrap(),
            1 => test.relay.unbridge(key).unwrap(),
            2 => test.play(key, "p", random.below(20) as usize, random.below(4) == 0),
            3 => test.relay.stop(key).unwrap(),
            4 => test.set_remote(key, [None, Some(ALICE), Some(BOB)][random.below(3) as usize], None),
            5 => test.relay.set_inactivity(key, random.below(100_000), test.now_us).unwrap(),
            6 => {
                let gone = keys.swap_remove(random.below(2) as usize);
                test.relay.destroy(gone).unwrap();
                keys.push(test.session_with(&round.to_string(), [ALICE, BOB][random.below(2) as usize]));
            }
            _ => {
                let from = [ALICE, BOB, MALLORY][random.below(3) as usize];
                test.receive(key, Component::Rtp, &datagram(&mut random), from);
                test.advance(random.below(15_000));
            }
        }
    }
    assert_eq!(test.relay.len(), 2);
    assert!(!test.events().is_empty());
}
