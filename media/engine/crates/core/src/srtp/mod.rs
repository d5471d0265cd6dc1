// SPDX-License-Identifier: Apache-2.0
//! Secure RTP (RFC 3711) with AES in counter mode and HMAC-SHA1, keyed by SDP (RFC 4568).
//!
//! It must not know SDP, sessions or addresses. A leg has a `Receiver` and a `Sender` with keys of their own.
//! Invariants: a packet changes nothing before it is authenticated, and no index is ever used twice to encrypt.

mod index;
mod keys;
mod receiver;
mod sender;
mod sent;
mod transform;

use std::collections::VecDeque;

pub use keys::{MASTER_LEN, MasterKey, Suite};
pub use receiver::{Receiver, Rejected};
pub use sender::Sender;

/// The keys of one leg: both directions use one suite (RFC 4568 5.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Protects what is sent to the remote.
    pub local: MasterKey,
    /// Protects what the remote sends.
    pub remote: MasterKey,
}

/// Earlier keys of a direction whose indices are remembered, should one come back.
const MAX_PARKED: usize = 8;

/// Both directions of one leg.
#[derive(Debug)]
pub(crate) struct Srtp {
    pub(crate) receiver: Receiver,
    pub(crate) sender: Sender,
    parked_receivers: VecDeque<Receiver>,
    parked_senders: VecDeque<Sender>,
}

impl Srtp {
    pub(crate) fn new(keys: &SrtpKeys) -> Self {
        Self {
            receiver: Receiver::new(&keys.remote),
            sender: Sender::new(&keys.local),
            parked_receivers: VecDeque::new(),
            parked_senders: VecDeque::new(),
        }
    }

    /// Takes other keys; a direction whose key is unchanged or comes back goes on, with its indices
    /// (RFC 4568 7.1.4).
    pub(crate) fn rekey(&mut self, keys: &SrtpKeys) {
        let (remote, local) = (&keys.remote, &keys.local);
        let receivers = &mut self.parked_receivers;
        switch(&mut self.receiver, receivers, |known| known.uses(remote), || Receiver::new(remote));
        let senders = &mut self.parked_senders;
        switch(&mut self.sender, senders, |known| known.uses(local), || Sender::new(local));
    }
}

/// Puts the direction that `fits` in use, a parked one before a new one, and parks the one that was in use.
///
/// When too many are parked the one that was parked longest ago is forgotten.
fn switch<T>(current: &mut T, parked: &mut VecDeque<T>, fits: impl Fn(&T) -> bool, new: impl FnOnce() -> T) {
    if fits(current) {
        return;
    }
    let known = parked.iter().position(fits).and_then(|at| parked.remove(at));
    let last = std::mem::replace(current, known.unwrap_or_else(new));
    parked.truncate(MAX_PARKED - 1);
    parked.push_front(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(number: u8) -> SrtpKeys {
        let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &[number; MASTER_LEN]);
        SrtpKeys { local: master.clone(), remote: master }
    }

    #[test]
    fn it_remembers_so_many_earlier_keys_and_no_more() {
        let mut srtp = Srtp::new(&keys(0));
        (1..100).for_each(|number| srtp.rekey(&keys(number)));
        let known: Vec<u8> = (0..100)
            .filter(|&number| srtp.parked_senders.iter().any(|sender| sender.uses(&keys(number).local)))
            .collect();
        assert_eq!(known, (91..99).collect::<Vec<u8>>());
        assert_eq!((srtp.parked_receivers.len(), srtp.parked_senders.len()), (MAX_PARKED, MAX_PARKED));
    }
}
