// SPDX-License-Identifier: Apache-2.0
//! One party of a call: its socket, its RTP stream, the time stamp in its payload.

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use media_core::srtp::{MASTER_LEN, MasterKey, Receiver, Sender, Suite};
use media_core::{Datagram, SPARE_LEN};

use crate::options::Call;

const HEADER_LEN: usize = 12;
const SAMPLES_PER_PACKET: u32 = 160;
const STAMP_LEN: usize = 8;

pub(crate) struct Leg {
    pub(crate) socket: UdpSocket,
    /// The packet, and room behind it for its tag.
    packet: Vec<u8>,
    length: usize,
    srtp: Option<Keys>,
    sequence: u16,
    timestamp: u32,
}

/// Both directions of an encrypted leg; all legs have the same key, and tell their streams by SSRC.
struct Keys {
    sender: Sender,
    receiver: Receiver,
    /// Encryption changes the packet, so each is made anew from this one.
    plain: Vec<u8>,
}

impl Leg {
    pub(crate) fn open(local: std::net::SocketAddr, relay: std::net::SocketAddr) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(local)?;
        // Connected, so that sending needs no route look-up: the generator is to cost less than the relay.
        socket.connect(relay)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    fn new(socket: UdpSocket, ssrc: u32, payload: usize, is_srtp: bool) -> Self {
        let mut packet = vec![0xd5; HEADER_LEN + payload];
        packet[0] = 0x80;
        packet[1] = 0;
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let length = packet.len();
        let srtp = is_srtp.then(|| {
            let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &[1; MASTER_LEN]);
            let (sender, receiver) = (Sender::new(&master), Receiver::new(&master));
            Keys { sender, receiver, plain: packet.clone() }
        });
        packet.resize(length + SPARE_LEN, 0);
        Self { socket, packet, length, srtp, sequence: 1, timestamp: ssrc }
    }

    /// Sends the next packet, stamped with the time of sending; false when the socket had no room.
    pub(crate) fn send(&mut self, now: Duration) -> bool {
        if let Some(keys) = &self.srtp {
            self.packet[..self.length].copy_from_slice(&keys.plain);
        }
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        self.packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        let stamp = (now.as_nanos() as u64).to_be_bytes();
        self.packet[HEADER_LEN..HEADER_LEN + STAMP_LEN].copy_from_slice(&stamp);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES_PER_PACKET);
        let mut datagram = Datagram::new(&mut self.packet, self.length);
        let is_ready = self.srtp.as_mut().is_none_or(|keys| keys.sender.protect_rtp(&mut datagram));
        is_ready && self.socket.send(datagram.octets()).is_ok()
    }

    /// Takes one packet and gives the time at which the peer sent it; `None` when there is none.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<Duration> {
        let length = self.socket.recv(buffer).ok()?;
        if let Some(keys) = &mut self.srtp {
            keys.receiver.open_rtp(&mut Datagram::new(buffer, length)).ok()?;
        }
        let stamp = buffer[..length].get(HEADER_LEN..HEADER_LEN + STAMP_LEN)?;
        let nanoseconds = stamp.iter().fold(0, |value, &octet| value << 8 | u64::from(octet));
        Some(Duration::from_nanos(nanoseconds))
    }
}

/// Opens both legs of each call.
pub(crate) fn open_all(calls: &[Call], payload: usize, is_srtp: bool) -> io::Result<Vec<Leg>> {
    let addresses = calls.iter().flatten().zip(1..);
    addresses
        .map(|((local, relay), ssrc)| {
            let socket = Leg::open(*local, *relay)
                .map_err(|error| io::Error::new(error.kind(), format!("{local} to {relay}: {error}")))?;
            Ok(Leg::new(socket, ssrc, payload, is_srtp))
        })
        .collect()
}
