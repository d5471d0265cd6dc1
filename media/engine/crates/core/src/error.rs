// SPDX-License-Identifier: Apache-2.0
//! What a command to the core can be refused for. Bad packets are counted, they are never errors here.

use std::fmt;

/// A command that the core refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaError {
    /// The session does not exist, or does not exist any more.
    UnknownSession,
    /// A payload type outside 0 to 127.
    PayloadTypeOutOfRange(u8),
    /// The port range holds no pair of an even port and the odd port above it.
    EmptyPortRange {
        /// First port of the range.
        port_min: u16,
        /// Last port of the range, inclusive.
        port_max: u16,
    },
}

impl fmt::Display for MediaError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSession => write!(formatter, "no such session"),
            Self::PayloadTypeOutOfRange(value) => write!(formatter, "payload type {value} is not in 0..=127"),
            Self::EmptyPortRange { port_min, port_max } => {
                write!(formatter, "ports {port_min}-{port_max} hold no even/odd pair")
            }
        }
    }
}

impl std::error::Error for MediaError {}
