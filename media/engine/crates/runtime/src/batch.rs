// SPDX-License-Identifier: Apache-2.0
//! The datagrams of one batch: first all are received, then all are judged, then all are sent.
//!
//! Three passes instead of one keep each code path, above all the kernel's two, in the instruction cache; packets
//! lie packed in one arena for the same reason.

use std::net::SocketAddr;

use media_core::{Component, Datagram, Forward, Relay, SPARE_LEN, SessionKey};

use crate::address::RawAddress;
use crate::sockets::Sockets;
use crate::sys;

/// The largest datagram that is relayed; RTP stays below the path MTU.
const MAX_DATAGRAM: usize = 4096;
/// Octets of datagrams in one batch; what does not fit waits in its socket.
const ARENA_LEN: usize = 64 * 1024;
const CACHE_LINE: usize = 64;

struct Received {
    key: SessionKey,
    component: Component,
    start: usize,
    end: usize,
    source: SocketAddr,
}

/// Buffers of a worker, used again for each batch.
pub(crate) struct Batch {
    arena: Vec<u8>,
    used: usize,
    received: Vec<Received>,
    outgoing: Vec<(Forward, usize, usize)>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { arena: vec![0; ARENA_LEN], used: 0, received: Vec::new(), outgoing: Vec::new() }
    }

    /// Takes one datagram from a socket that was reported readable.
    pub(crate) fn receive(
        &mut self,
        relay: &mut Relay,
        sockets: &Sockets,
        key: SessionKey,
        component: Component,
    ) {
        let Some(fd) = sockets.fd(key, component) else { return };
        // The last datagram of a batch needs room behind it as well.
        if self.used + MAX_DATAGRAM + SPARE_LEN > self.arena.len() {
            return;
        }
        let buffer = &mut self.arena[self.used..self.used + MAX_DATAGRAM];
        // Nothing to read, or an error that an earlier send left behind: level triggering comes back.
        let Ok((length, Some(source))) = sys::receive(fd, buffer) else { return };
        if length > MAX_DATAGRAM {
            return relay.record_oversized(key);
        }
        let (start, end) = (self.used, self.used + length);
        self.received.push(Received { key, component, start, end, source });
        self.used = (end + SPARE_LEN).next_multiple_of(CACHE_LINE);
    }

    /// Judges what was received and sends what is to go on.
    pub(crate) fn forward(&mut self, relay: &mut Relay, sockets: &Sockets, now_us: u64) {
        for received in self.received.drain(..) {
            let Received { key, component, start, end, source } = received;
            let mut datagram = Datagram::new(&mut self.arena[start..end + SPARE_LEN], end - start);
            if let Some(forward) = relay.receive(key, component, &mut datagram, source, now_us) {
                self.outgoing.push((forward, start, start + datagram.len()));
            }
        }
        for (forward, start, end) in self.outgoing.drain(..) {
            if !sockets.send(&forward, &self.arena[start..end]) {
                relay.record_send_error(forward.key);
            }
        }
        self.used = 0;
    }
}

impl Sockets {
    /// Sends one datagram; false when the system refused it.
    pub(crate) fn send(&self, forward: &Forward, packet: &[u8]) -> bool {
        let Some(fd) = self.fd(forward.key, forward.component) else { return false };
        let destination = RawAddress::new(forward.destination, self.is_ipv6());
        sys::send(fd, packet, &destination).is_ok()
    }
}
