// SPDX-License-Identifier: Apache-2.0
//! Secure RTP (RFC 3711) with AES in counter mode and HMAC-SHA1, keyed by SDP (RFC 4568).
//!
//! It must not know SDP, sessions or addresses. A leg has a `Receiver` and a `Sender` with keys of their own.
//! Invariants: a packet changes nothing before it is authenticated, and no index is ever used twice to encrypt.

mod index;
mod keys;
mod receiver;
mod sender;
mod transform;

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

/// Both directions of one leg.
#[derive(Debug)]
pub(crate) struct Srtp {
    pub(crate) receiver: Receiver,
    pub(crate) sender: Sender,
}

impl Srtp {
    pub(crate) fn new(keys: &SrtpKeys) -> Self {
        Self { receiver: Receiver::new(&keys.remote), sender: Sender::new(&keys.local) }
    }

    /// Takes new keys; a direction whose key is unchanged goes on, with its indices (RFC 4568 7.1.4).
    pub(crate) fn rekey(&mut self, keys: &SrtpKeys) {
        if !self.receiver.uses(&keys.remote) {
            self.receiver = Receiver::new(&keys.remote);
        }
        if !self.sender.uses(&keys.local) {
            self.sender = Sender::new(&keys.local);
        }
    }
}
