// SPDX-License-Identifier: Apache-2.0
//! RTCP that the engine sends as an end point, and what it learns from the remote's.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::{ALICE, SSRC, Sent, TestRelay, address, rtp};
use media_core::rtcp::{Compound, ReportBlock, SenderInfo, write_report};
use media_core::{Component, SessionKey, SessionStatistics};

const ALICE_RTCP: &str = "192.0.2.1:4001";
const SECOND_US: u64 = 1_000_000;

fn reports(sent: Vec<Sent>) -> Vec<Sent> {
    sent.into_iter().filter(|sent| sent.component == Component::Rtcp).collect()
}

fn hear(test: &mut TestRelay, key: SessionKey, packets: u16) {
    for sequence in 0..packets {
        test.receive_rtp(key, &rtp(0, sequence, u32::from(sequence) * 160, 99), ALICE);
    }
}

#[test]
fn it_reports_a_prompt_about_every_five_seconds() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 10, true);
    let sent = reports(test.advance(600 * SECOND_US));
    assert!((100..=140).contains(&sent.len()), "{} reports in ten minutes", sent.len());
    let gaps: Vec<_> = sent.windows(2).map(|pair| pair[1].at_us - pair[0].at_us).collect();
    assert!(gaps.iter().all(|gap| (2_500_000..=7_500_000).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| gap != &gaps[0]), "no fixed beat");
}

#[test]
fn it_states_the_packets_and_the_clock_of_the_prompt() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    let start_us = test.now_us;
    test.play(a, "p", 10, true);
    let sent = reports(test.advance(10 * SECOND_US));
    let compound = Compound::parse(&sent[0].packet).unwrap();
    let info = compound.sender_info.unwrap();
    let elapsed_us = sent[0].at_us - start_us;
    assert_eq!((compound.sender_ssrc, sent[0].destination), (SSRC, address(ALICE_RTCP)));
    assert_eq!(u64::from(info.packets), elapsed_us / 20_000 + 1);
    assert_eq!(info.octets, info.packets * 160);
    let clock_us = u64::from(info.rtp_timestamp - 1000) * 125;
    assert!(elapsed_us.abs_diff(clock_us) <= 125, "{elapsed_us} is not {clock_us}");
    assert_eq!(info.ntp >> 32, 0x8000_0000 + sent[0].at_us / SECOND_US);
    assert!(sent[0].packet.windows(4).any(|window| window == b"test"), "the CNAME");
}

#[test]
fn it_reports_reception_without_a_sender_part_when_it_only_listens() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    hear(&mut test, a, 5);
    let sent = reports(test.advance(60 * SECOND_US));
    assert_eq!(sent.len(), 1, "nothing new was heard after the first report");
    let compound = Compound::parse(&sent[0].packet).unwrap();
    assert_eq!(compound.sender_info, None);
    let block = compound.report_blocks().next().unwrap();
    assert_eq!((block.ssrc, block.highest_sequence, block.cumulative_lost), (99, 4, 0));
}

/// Hands in an SR of `ssrc`.
fn hear_sender_report(test: &mut TestRelay, key: SessionKey, ssrc: u32) {
    let info = SenderInfo { ntp: 0x1111_2222_3333_4444, rtp_timestamp: 0, packets: 1, octets: 160 };
    let mut report = Vec::new();
    write_report(&mut report, ssrc, Some(&info), None, "phone");
    assert_eq!(test.receive(key, Component::Rtcp, &report, ALICE_RTCP), None);
}

#[test]
fn it_says_when_the_last_sender_report_came() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    hear(&mut test, a, 1);
    hear_sender_report(&mut test, a, 99);
    let arrived_us = test.now_us;
    let sent = reports(test.advance(10 * SECOND_US));
    let block = Compound::parse(&sent[0].packet).unwrap().report_blocks().next().unwrap();
    assert_eq!(block.last_sender_report, 0x2222_3333);
    let delay_us = u64::from(block.delay_since_last_sender_report) * 1_000_000 / 65_536;
    assert!((sent[0].at_us - arrived_us).abs_diff(delay_us) < 20);
}

#[test]
fn it_does_not_mix_up_the_sender_reports_of_other_sources() {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    hear(&mut test, a, 1);
    hear_sender_report(&mut test, a, 55);
    let sent = reports(test.advance(10 * SECOND_US));
    let block = Compound::parse(&sent[0].packet).unwrap().report_blocks().next().unwrap();
    assert_eq!((block.last_sender_report, block.delay_since_last_sender_report), (0, 0));
}

/// Plays for ten seconds and answers the last SR 80 ms later, as a remote that says it held it for longer
/// than it did.
fn answer_sender_report(overstated_us: u64) -> SessionStatistics {
    let mut test = TestRelay::new();
    let a = test.session_with("alice", ALICE);
    test.play(a, "p", 10, true);
    let sent = reports(test.advance(10 * SECOND_US));
    let sent = sent.last().unwrap();
    let ntp = Compound::parse(&sent.packet).unwrap().sender_info.unwrap().ntp;
    let held_us = test.now_us - sent.at_us + overstated_us;
    test.now_us += 80_000;
    let block = ReportBlock {
        ssrc: SSRC,
        fraction_lost: 0,
        cumulative_lost: 3,
        highest_sequence: 0,
        jitter: 80,
        last_sender_report: (ntp >> 16) as u32,
        delay_since_last_sender_report: (held_us * 65_536 / 1_000_000) as u32,
    };
    let mut report = Vec::new();
    write_report(&mut report, 99, None, Some(&block), "phone");
    test.receive(a, Component::Rtcp, &report, ALICE_RTCP);
    test.relay.statistics(a).unwrap()
}

#[test]
fn it_computes_the_round_trip_from_the_remotes_block() {
    let statistics = answer_sender_report(0);
    assert!((statistics.round_trip_ms.unwrap() - 80.0).abs() < 0.1, "{:?}", statistics.round_trip_ms);
    assert_eq!((statistics.remote_packets_lost, statistics.remote_jitter_ms), (Some(3), Some(10.0)));
}

#[test]
fn it_gives_no_round_trip_when_the_remote_overstates_its_delay() {
    assert_eq!(answer_sender_report(SECOND_US).round_trip_ms, None);
}

#[test]
fn it_sends_no_reports_of_its_own_into_a_call() {
    let mut test = TestRelay::new();
    let (a, _) = test.call();
    hear(&mut test, a, 100);
    assert_eq!(test.advance(60 * SECOND_US), []);
}

#[test]
fn it_sends_no_reports_to_a_remote_that_is_not_known() {
    let mut test = TestRelay::new();
    let a = test.session("alice");
    test.play(a, "p", 10, true);
    assert_eq!(test.advance(60 * SECOND_US), []);
}
