// SPDX-License-Identifier: Apache-2.0
//! The RTP header (RFC 3550 5.1): parsed for validation, patched in place, written for prompts.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |                             SSRC                              |
//! |                  CSRC (0 to 15), extension, payload, padding  |
//! ```
//! Invariant: a `RtpHeader` exists only for a packet whose stated lengths fit its real length.

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 12;
const VERSION: u8 = 2;
const CSRC_LEN: usize = 4;
const EXTENSION_HEADER_LEN: usize = 4;
const MARKER_BIT: u8 = 0x80;
const PAYLOAD_TYPE_MASK: u8 = 0x7f;

/// Why a datagram is not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtpError {
    /// Shorter than the fixed header.
    TooShort,
    /// The version is not 2.
    BadVersion,
    /// CSRC list, extension or padding reach past the end of the packet.
    BadLength,
}

/// A validated RTP header; `payload_start..payload_end` are octet offsets into the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit: for audio, the first packet of a talk spurt (RFC 3551 4.1).
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// RTP timestamp in units of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Offset of the first payload octet.
    pub payload_start: usize,
    /// Offset after the last payload octet, padding excluded.
    pub payload_end: usize,
}

impl RtpHeader {
    /// Parses and validates a datagram (RFC 3550 A.1, the checks that need no state).
    ///
    /// # Errors
    /// `RtpError` names the first check that failed.
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let fixed: &[u8; HEADER_LEN] = packet.first_chunk().ok_or(RtpError::TooShort)?;
        if fixed[0] >> 6 != VERSION {
            return Err(RtpError::BadVersion);
        }
        let payload_start = payload_start(packet, fixed[0])?;
        let payload_end = packet.len() - padding_len(packet, fixed[0], payload_start)?;
        Ok(Self {
            payload_type: fixed[1] & PAYLOAD_TYPE_MASK,
            marker: fixed[1] & MARKER_BIT != 0,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            payload_start,
            payload_end,
        })
    }

    /// The fixed header as octets; CSRCs, extensions and padding are never written.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = VERSION << 6;
        bytes[1] = (self.payload_type & PAYLOAD_TYPE_MASK) | if self.marker { MARKER_BIT } else { 0 };
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }
}

/// The part of a packet that SRTP leaves readable: fixed header, CSRCs and extension (RFC 3711 3.1).
///
/// Padding is inside the encrypted part, so nothing is known of it before decryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClearPart {
    pub(crate) sequence: u16,
    pub(crate) ssrc: u32,
    /// Octets.
    pub(crate) len: usize,
}

impl ClearPart {
    /// Reads it.
    ///
    /// # Errors
    /// `RtpError` names the first check that failed.
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let fixed: &[u8; HEADER_LEN] = packet.first_chunk().ok_or(RtpError::TooShort)?;
        if fixed[0] >> 6 != VERSION {
            return Err(RtpError::BadVersion);
        }
        Ok(Self {
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            len: payload_start(packet, fixed[0])?,
        })
    }
}

fn payload_start(packet: &[u8], first: u8) -> Result<usize, RtpError> {
    let csrc_count = usize::from(first & 0x0f);
    let mut start = HEADER_LEN + csrc_count * CSRC_LEN;
    if first & 0x10 != 0 {
        let words = packet.get(start + 2..start + EXTENSION_HEADER_LEN).ok_or(RtpError::BadLength)?;
        start += EXTENSION_HEADER_LEN + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    if start > packet.len() { Err(RtpError::BadLength) } else { Ok(start) }
}

fn padding_len(packet: &[u8], first: u8, payload_start: usize) -> Result<usize, RtpError> {
    if first & 0x20 == 0 {
        return Ok(0);
    }
    let padding = usize::from(packet[packet.len() - 1]);
    if padding == 0 || padding > packet.len() - payload_start {
        Err(RtpError::BadLength)
    } else {
        Ok(padding)
    }
}

/// Whether the second octet marks an RTCP packet on a shared port (RFC 5761 4).
#[must_use]
pub fn looks_like_rtcp(packet: &[u8]) -> bool {
    matches!(packet.get(1), Some(192..=223))
}

/// Replaces the payload type of a validated packet in place and keeps the marker bit.
pub fn set_payload_type(packet: &mut [u8], payload_type: u8) {
    if let Some(octet) = packet.get_mut(1) {
        *octet = (*octet & MARKER_BIT) | (payload_type & PAYLOAD_TYPE_MASK);
    }
}

/// Replaces the SSRC of a validated packet in place.
pub fn set_ssrc(packet: &mut [u8], ssrc: u32) {
    if let Some(octets) = packet.get_mut(8..HEADER_LEN) {
        octets.copy_from_slice(&ssrc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, 0x80, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef];
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn it_reads_every_field_of_a_plain_header() {
        let header = RtpHeader::parse(&packet(0x80, &[1, 2, 3])).unwrap();
        assert_eq!((header.payload_type, header.marker), (0, true));
        assert_eq!((header.sequence, header.timestamp, header.ssrc), (0x1234, 160, 0xdead_beef));
        assert_eq!((header.payload_start, header.payload_end), (12, 15));
    }

    #[test]
    fn it_writes_what_it_reads() {
        let bytes = packet(0x80, &[]);
        assert_eq!(RtpHeader::parse(&bytes).unwrap().to_bytes(), bytes.as_slice());
    }

    #[test]
    fn it_skips_csrcs_and_the_extension() {
        let mut rest = vec![0; 4];
        rest.extend_from_slice(&[0xbe, 0xde, 0, 1, 9, 9, 9, 9, 7]);
        let header = RtpHeader::parse(&packet(0x91, &rest)).unwrap();
        assert_eq!((header.payload_start, header.payload_end), (24, 25));
    }

    #[test]
    fn it_takes_padding_off_the_payload() {
        let header = RtpHeader::parse(&packet(0xa0, &[5, 5, 0, 0, 3])).unwrap();
        assert_eq!(header.payload_end, 14);
    }

    #[test]
    fn it_refuses_versions_other_than_two() {
        for first in [0x00, 0x40, 0xc0] {
            assert_eq!(RtpHeader::parse(&packet(first, &[0; 8])), Err(RtpError::BadVersion));
        }
    }

    #[test]
    fn it_refuses_lengths_that_reach_past_the_end() {
        assert_eq!(RtpHeader::parse(&[0x80; 11]), Err(RtpError::TooShort));
        assert_eq!(RtpHeader::parse(&packet(0x8f, &[0; 59])), Err(RtpError::BadLength), "15 CSRCs");
        assert_eq!(
            RtpHeader::parse(&packet(0x90, &[0, 0, 0])),
            Err(RtpError::BadLength),
            "no extension header"
        );
        assert_eq!(
            RtpHeader::parse(&packet(0x90, &[0, 0, 0xff, 0xff])),
            Err(RtpError::BadLength),
            "extension"
        );
        assert_eq!(RtpHeader::parse(&packet(0xa0, &[1, 2, 4])), Err(RtpError::BadLength), "padding");
        assert_eq!(
            RtpHeader::parse(&packet(0xa0, &[1, 2, 0])),
            Err(RtpError::BadLength),
            "padding of nothing"
        );
    }

    #[test]
    fn it_patches_payload_type_and_ssrc_without_touching_the_marker() {
        let mut bytes = packet(0x80, &[]);
        set_payload_type(&mut bytes, 101);
        set_ssrc(&mut bytes, 7);
        let header = RtpHeader::parse(&bytes).unwrap();
        assert_eq!((header.payload_type, header.marker, header.ssrc), (101, true, 7));
    }

    #[test]
    fn it_tells_rtcp_from_rtp_on_a_shared_port() {
        assert!(looks_like_rtcp(&[0x80, 200]));
        assert!(!looks_like_rtcp(&[0x80, 0x80]));
        assert!(!looks_like_rtcp(&[]));
    }
}
