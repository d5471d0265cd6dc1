// SPDX-License-Identifier: Apache-2.0
//! What listens to a session: both directions of its audio, packet by packet, as they are relayed.
//!
//! It is called on the path of packets, so whoever implements it neither waits nor reads or writes files.

use std::any::Any;
use std::fmt::Debug;

/// Which way audio goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What the session's remote says.
    FromRemote,
    /// What its remote is given to hear: its peer, a prompt, its own echo.
    ToRemote,
}

/// The audio of one packet.
#[derive(Debug, Clone, Copy)]
pub struct Audio<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// Payload type, as the session's remote numbers it.
    pub payload_type: u8,
    /// Synchronisation source; another one is another stream, whose timestamps begin anew.
    pub ssrc: u32,
    /// RTP timestamp of the first sample.
    pub timestamp: u32,
    /// The encoded samples.
    pub payload: &'a [u8],
    /// When it was relayed, on the clock of the relay.
    pub at_us: u64,
}

/// Takes the audio of one session.
pub trait AudioTap: Any + Debug + Send {
    /// Takes one packet; must return at once.
    fn take(&mut self, audio: &Audio<'_>);
}
