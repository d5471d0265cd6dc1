// SPDX-License-Identifier: Apache-2.0
//! The engine over loopback sockets, as far as it needs real sockets and threads: ports, workers, closing.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use media_runtime::{Codec, Engine, EngineError, EngineEvent, EngineOptions, Event, PlayOptions, Remote};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An engine on a few ports that nobody else in these tests uses.
fn engine(port_min: u16, pairs: u16, threads: usize) -> Engine {
    let options = EngineOptions {
        bind_ip: LOCALHOST,
        port_min,
        port_max: port_min + 2 * pairs - 1,
        threads,
        ..EngineOptions::default()
    };
    Engine::new(options).unwrap()
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn remote(phone: &UdpSocket) -> Remote {
    Remote { rtp: Some(phone.local_addr().unwrap()), rtcp: None, signaling_ip: None }
}

fn packet(sequence: u8) -> [u8; 20] {
    let mut packet = [0x55; 20];
    packet[..4].copy_from_slice(&[0x80, 0, 0, sequence]);
    packet
}

fn hear(phone: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (length, from) = phone.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

#[test]
fn it_bridges_sessions_of_different_workers_by_moving_one() {
    let engine = engine(21_000, 16, 2);
    // Sixteen names spread over two workers by their hash, so some bridge has to move a session.
    for call in 0..8 {
        let (a, b) = (format!("{call}-a"), format!("{call}-b"));
        let (alice, bob) = (phone(), phone());
        let port_a = engine.create_session(&a, None, 8000).unwrap();
        let port_b = engine.create_session(&b, None, 8000).unwrap();
        engine.set_remote(&a, &remote(&alice)).unwrap();
        engine.set_remote(&b, &remote(&bob)).unwrap();
        engine.bridge(&a, &b).unwrap();
        alice.send_to(&packet(1), (LOCALHOST, port_a)).unwrap();
        assert_eq!(hear(&bob), (packet(1).to_vec(), SocketAddr::new(LOCALHOST, port_b)));
        bob.send_to(&packet(2), (LOCALHOST, port_b)).unwrap();
        assert_eq!(hear(&alice), (packet(2).to_vec(), SocketAddr::new(LOCALHOST, port_a)));
    }
    assert_eq!(engine.active_sessions(), 16);
}

#[test]
fn it_skips_pairs_of_which_another_program_holds_a_port() {
    let engine = engine(21_100, 3, 1);
    let _rtcp = UdpSocket::bind((LOCALHOST, 21_101)).unwrap();
    let _rtp = UdpSocket::bind((LOCALHOST, 21_104)).unwrap();
    assert_eq!(engine.create_session("a", None, 8000).unwrap(), 21_102);
    assert!(matches!(engine.create_session("b", None, 8000), Err(EngineError::PortsExhausted)));
}

#[test]
fn it_uses_ports_in_quarantine_only_without_others() {
    let engine = engine(21_200, 2, 1);
    engine.create_session("a", None, 8000).unwrap();
    assert!(matches!(engine.create_session("a", None, 8000), Err(EngineError::SessionExists(_))));
    engine.destroy("a").unwrap();
    assert_eq!((engine.available_ports(), engine.active_sessions()), (2, 0));
    assert!(UdpSocket::bind((LOCALHOST, 21_200)).is_ok(), "the socket is closed at once");
    assert_eq!(engine.create_session("b", None, 8000).unwrap(), 21_202);
    assert_eq!(engine.create_session("c", None, 8000).unwrap(), 21_200);
    assert!(matches!(engine.create_session("d", None, 8000), Err(EngineError::PortsExhausted)));
}

#[test]
fn it_refuses_calls_after_it_was_closed() {
    let engine = engine(21_300, 1, 2);
    engine.create_session("a", None, 8000).unwrap();
    engine.close();
    engine.close();
    assert!(matches!(engine.create_session("b", None, 8000), Err(EngineError::Closed)));
    assert!(matches!(engine.statistics("a"), Err(EngineError::Closed)));
    assert!(UdpSocket::bind((LOCALHOST, 21_300)).is_ok(), "its sockets are closed");
}

#[test]
fn it_refuses_options_out_of_range() {
    for options in [
        EngineOptions { threads: 0, ..EngineOptions::default() },
        EngineOptions { threads: 1000, ..EngineOptions::default() },
        EngineOptions { tick_us: 10_001, ..EngineOptions::default() },
    ] {
        assert!(matches!(Engine::new(options), Err(EngineError::Invalid(_))));
    }
    let empty = EngineOptions { port_min: 11, port_max: 12, ..EngineOptions::default() };
    assert!(matches!(Engine::new(empty), Err(EngineError::Media(_))));
}

#[test]
fn it_refuses_what_it_cannot_play_or_reach() {
    let engine = engine(21_400, 1, 1);
    engine.create_session("a", None, 8000).unwrap();
    let options = PlayOptions { codec: Codec::Pcmu, payload_type: 0, repeat: false };
    assert!(matches!(engine.play("a", "p", &[0; 3], options), Err(EngineError::Invalid(_))));
    let bad_type = PlayOptions { payload_type: 128, ..options };
    assert!(matches!(engine.play("a", "p", &[0; 320], bad_type), Err(EngineError::Invalid(_))));
    assert!(matches!(engine.play("b", "p", &[0; 320], options), Err(EngineError::SessionNotFound(_))));
    let ipv6 = Remote { rtp: Some("[2001:db8::1]:4000".parse().unwrap()), ..Remote::default() };
    assert!(matches!(engine.set_remote("a", &ipv6), Err(EngineError::Invalid(_))));
}

#[test]
fn it_plays_to_ipv4_and_ipv6_remotes_from_an_ipv6_socket() {
    let options = EngineOptions {
        bind_ip: "::".parse().unwrap(),
        port_min: 21_500,
        port_max: 21_503,
        ..EngineOptions::default()
    };
    let engine = Engine::new(options).unwrap();
    for (id, host) in [("four", "127.0.0.1"), ("six", "::1")] {
        let phone = UdpSocket::bind((host, 0)).unwrap();
        phone.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let port = engine.create_session(id, None, 8000).unwrap();
        engine.set_remote(id, &remote(&phone)).unwrap();
        phone.send_to(&packet(1), (host, port)).unwrap();
        let options = PlayOptions { codec: Codec::Pcma, payload_type: 8, repeat: false };
        engine.play(id, "p", &[0; 320], options).unwrap();
        let (packet, from) = hear(&phone);
        assert_eq!((packet[1], from), (0x88, SocketAddr::new(host.parse().unwrap(), port)));
        // The worker may play before it looks at its sockets.
        let deadline = Instant::now() + Duration::from_secs(5);
        while engine.statistics(id).unwrap().packets_received == 0 {
            assert!(Instant::now() < deadline, "it does not hear {host}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn it_queues_events_in_order_and_makes_its_descriptor_readable() {
    let engine = engine(21_600, 1, 1);
    engine.create_session("a", None, 8000).unwrap();
    let options = PlayOptions { codec: Codec::Pcmu, payload_type: 0, repeat: true };
    for play in ["one", "two"] {
        engine.play("a", play, &[0; 320], options).unwrap();
    }
    engine.destroy("a").unwrap();
    let (session, play) = (|| "a".into(), |name: &str| name.into());
    let expected = [
        Event::PlayStarted { session: session(), play: play("one") },
        Event::PlayStopped { session: session(), play: play("one") },
        Event::PlayStarted { session: session(), play: play("two") },
        Event::PlayStopped { session: session(), play: play("two") },
    ];
    assert_eq!(engine.poll_events(), expected.map(EngineEvent::Media));
    assert_eq!(engine.poll_events(), []);
}
