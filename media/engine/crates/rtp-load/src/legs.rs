// SPDX-License-Identifier: Apache-2.0
//! One party of a call: its socket, its RTP stream, the time stamp in its payload.

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use crate::options::Call;

const HEADER_LEN: usize = 12;
const SAMPLES_PER_PACKET: u32 = 160;
const STAMP_LEN: usize = 8;

pub(crate) struct Leg {
    pub(crate) socket: UdpSocket,
    packet: Vec<u8>,
    sequence: u16,
    timestamp: u32,
}

impl Leg {
    pub(crate) fn open(local: std::net::SocketAddr, relay: std::net::SocketAddr) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(local)?;
        // Connected, so that sending needs no route look-up: the generator is to cost less than the relay.
        socket.connect(relay)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    fn new(socket: UdpSocket, ssrc: u32, payload: usize) -> Self {
        let mut packet = vec![0xd5; HEADER_LEN + payload];
        packet[0] = 0x80;
        packet[1] = 0;
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        Self { socket, packet, sequence: 1, timestamp: ssrc }
    }

    /// Sends the next packet, stamped with the time of sending; false when the socket had no room.
    pub(crate) fn send(&mut self, now: Duration) -> bool {
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        self.packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        let stamp = (now.as_nanos() as u64).to_be_bytes();
        self.packet[HEADER_LEN..HEADER_LEN + STAMP_LEN].copy_from_slice(&stamp);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES_PER_PACKET);
        self.socket.send(&self.packet).is_ok()
    }

    /// Takes one packet and gives the time at which the peer sent it; `None` when there is none.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Option<Duration> {
        let length = self.socket.recv(buffer).ok()?;
        let stamp = buffer[..length].get(HEADER_LEN..HEADER_LEN + STAMP_LEN)?;
        let nanoseconds = stamp.iter().fold(0, |value, &octet| value << 8 | u64::from(octet));
        Some(Duration::from_nanos(nanoseconds))
    }
}

/// Opens both legs of each call.
pub(crate) fn open_all(calls: &[Call], payload: usize) -> io::Result<Vec<Leg>> {
    let addresses = calls.iter().flatten().zip(1..);
    addresses
        .map(|((local, relay), ssrc)| {
            let socket = Leg::open(*local, *relay)
                .map_err(|error| io::Error::new(error.kind(), format!("{local} to {relay}: {error}")))?;
            Ok(Leg::new(socket, ssrc, payload))
        })
        .collect()
}
