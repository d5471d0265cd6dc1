// SPDX-License-Identifier: Apache-2.0
//! Random numbers of the operating system for what must not be guessed (RFC 3550 5.1, RFC 7022).

use std::io;

use media_core::SessionSeed;

use crate::sys;

/// SSRCs, first sequence number and first timestamp of a session.
pub(crate) fn session_seed() -> io::Result<SessionSeed> {
    let mut bytes = [0; 14];
    sys::fill_random(&mut bytes)?;
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    // RFC 3711 3.3.1 advises a first sequence number in the lower half, so that no early wrap is misread.
    let sequence = u16::from_be_bytes([bytes[12], bytes[13]]) & 0x7fff;
    Ok(SessionSeed { ssrc: word(0), echo_mask: word(4), sequence, timestamp: word(8) })
}

/// A short-term CNAME of 96 random bits (RFC 7022 4.2), in hexadecimal.
pub(crate) fn cname() -> io::Result<String> {
    let mut bytes = [0; 12];
    sys::fill_random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
