// SPDX-License-Identifier: Apache-2.0
//! The numbers of an engine and their defaults.

use std::net::{IpAddr, Ipv4Addr};

use crate::error::EngineError;

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Address of all media sockets; may be unspecified.
    pub bind_ip: IpAddr,
    /// First port of the range.
    pub port_min: u16,
    /// Last port of the range, inclusive.
    pub port_max: u16,
    /// Worker threads.
    pub threads: usize,
    /// How long a released port pair rests. Two seconds outlive what is still in flight or in a jitter buffer.
    pub quarantine_ms: u64,
    /// Silence after which `inactive` is reported; 0 never. Each session can override it.
    pub inactivity_ms: u64,
    /// How long a busy worker collects packets before it relays them.
    pub tick_us: u64,
    /// Packets per second of one worker above which it collects.
    pub tick_above_pps: u64,
    /// Traffic class octet of media packets; 0xB8 is expedited forwarding (RFC 3246).
    pub dscp: u8,
    /// Receive buffer asked for per socket, in octets. The kernel doubles it and charges about 768 octets for
    /// a G.711 packet, so the default holds some three seconds of one call and bounds what a flood can queue.
    pub receive_buffer: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            bind_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port_min: 10_000,
            port_max: 10_100,
            threads: 1,
            quarantine_ms: 2_000,
            inactivity_ms: 30_000,
            tick_us: 1_000,
            tick_above_pps: 2_000,
            dscp: 0xb8,
            receive_buffer: 64 * 1024,
        }
    }
}

const MAX_THREADS: usize = 256;
const MAX_TICK_US: u64 = 10_000;

impl EngineOptions {
    /// Checks the ranges.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.threads == 0 || self.threads > MAX_THREADS {
            return Err(EngineError::Invalid("threads must be 1 to 256"));
        }
        if self.tick_us > MAX_TICK_US {
            return Err(EngineError::Invalid("tick_us must be 0 to 10000"));
        }
        Ok(())
    }
}
