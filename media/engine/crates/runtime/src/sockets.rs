// SPDX-License-Identifier: Apache-2.0
//! The sockets of a worker's sessions, by slot, with the epoll watch that belongs to them.

use std::io;
use std::os::fd::RawFd;

use media_core::{Component, SessionKey};

use crate::ports::SocketPair;
use crate::sys::Epoll;

const COMPONENTS: [Component; 2] = [Component::Rtp, Component::Rtcp];

/// Sockets by session; a key of an earlier generation finds nothing.
#[derive(Debug)]
pub(crate) struct Sockets {
    slots: Vec<Option<(u32, SocketPair)>>,
    is_ipv6: bool,
}

/// The epoll token of a socket: generation, slot and one bit for the component.
fn token(key: SessionKey, component: Component) -> u64 {
    let odd = u64::from(component == Component::Rtcp);
    u64::from(key.generation) << 33 | u64::from(key.slot) << 1 | odd
}

/// The socket of an epoll token.
pub(crate) fn from_token(token: u64) -> (SessionKey, Component) {
    let key = SessionKey { slot: (token >> 1) as u32, generation: (token >> 33) as u32 };
    (key, if token & 1 == 0 { Component::Rtp } else { Component::Rtcp })
}

impl Sockets {
    pub(crate) fn new(is_ipv6: bool) -> Self {
        Self { slots: Vec::new(), is_ipv6 }
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        self.is_ipv6
    }

    pub(crate) fn fd(&self, key: SessionKey, component: Component) -> Option<RawFd> {
        let (generation, pair) = self.slots.get(key.slot as usize)?.as_ref()?;
        (*generation == key.generation).then(|| pair.fd(component))
    }

    /// Keeps and watches the sockets of a new session.
    pub(crate) fn insert(&mut self, epoll: &Epoll, key: SessionKey, pair: SocketPair) -> io::Result<()> {
        for component in COMPONENTS {
            // Dropping the pair on an error closes both sockets, which ends a watch that was begun.
            epoll.add(pair.fd(component), token(key, component))?;
        }
        let slot = key.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some((key.generation, pair));
        Ok(())
    }

    /// Ends the watch and gives the sockets out, to be closed or moved.
    pub(crate) fn remove(&mut self, epoll: &Epoll, key: SessionKey) -> Option<SocketPair> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        let (_, pair) = slot.take_if(|(generation, _)| *generation == key.generation)?;
        for component in COMPONENTS {
            // Explicit, because a forked child that still holds the descriptor would keep the watch alive. It
            // can fail only for a descriptor that is not watched, which is the aim.
            let _ = epoll.remove(pair.fd(component));
        }
        Some(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_socket_of_a_token_again() {
        for (slot, generation) in [(0, 0), (7, 0x7fff_ffff), (u32::MAX, 3)] {
            let key = SessionKey { slot, generation };
            for component in COMPONENTS {
                assert_eq!(from_token(token(key, component)), (key, component));
            }
        }
    }
}
