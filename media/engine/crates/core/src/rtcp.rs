// SPDX-License-Identifier: Apache-2.0
//! RTCP compound packets (RFC 3550 6): validated for relaying, read for reports, written for own streams.
//!
//! Invariant: a `Compound` exists only when all stated lengths add up to the datagram (RFC 3550 A.2).

/// Octets of the common header: version, count, type, length.
const HEADER_LEN: usize = 4;
const SENDER_INFO_LEN: usize = 20;
/// Octets of one report block.
pub const REPORT_BLOCK_LEN: usize = 24;
const SSRC_LEN: usize = 4;
const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;

/// Octets that SRTCP leaves readable: the first header and the sender's SSRC (RFC 3711 3.4).
pub(crate) const CLEAR_LEN: usize = HEADER_LEN + SSRC_LEN;

/// Why a datagram is not an RTCP compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcpError {
    /// Shorter than the smallest report.
    TooShort,
    /// A packet's version is not 2.
    BadVersion,
    /// The first packet is neither SR nor RR.
    NoReportFirst,
    /// Lengths, report counts or padding do not fit the datagram.
    BadLength,
}

/// The sender part of an SR (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time stamp, 32.32 fixed point.
    pub ntp: u64,
    /// RTP timestamp of the same instant.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload octets sent.
    pub octets: u32,
}

/// One report block (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that the block is about.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Loss since the beginning, 24 bits signed.
    pub cumulative_lost: i32,
    /// Extended highest sequence number.
    pub highest_sequence: u32,
    /// Jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the last SR's NTP time stamp; 0 when there was none.
    pub last_sender_report: u32,
    /// Delay since that SR in 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// A validated compound packet: its first report in full, the rest by length only.
#[derive(Debug, Clone, Copy)]
pub struct Compound<'a> {
    /// SSRC of the packet's sender.
    pub sender_ssrc: u32,
    /// Present when the first packet is an SR.
    pub sender_info: Option<SenderInfo>,
    blocks: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Validates a datagram (RFC 3550 A.2) and reads its first report.
    ///
    /// # Errors
    /// `RtcpError` names the first check that failed.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtcpError> {
        check_lengths(datagram)?;
        let header: &[u8; HEADER_LEN] = datagram.first_chunk().ok_or(RtcpError::TooShort)?;
        let end = HEADER_LEN + usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
        let body = datagram.get(HEADER_LEN..end).ok_or(RtcpError::BadLength)?;
        let sender_ssrc = read_u32(body, 0).ok_or(RtcpError::BadLength)?;
        let (sender_info, blocks_at) = match header[1] {
            SENDER_REPORT => {
                let info = body.get(SSRC_LEN..SSRC_LEN + SENDER_INFO_LEN).ok_or(RtcpError::BadLength)?;
                (read_sender_info(info), SSRC_LEN + SENDER_INFO_LEN)
            }
            RECEIVER_REPORT => (None, SSRC_LEN),
            _ => return Err(RtcpError::NoReportFirst),
        };
        let blocks_len = usize::from(header[0] & 0x1f) * REPORT_BLOCK_LEN;
        let blocks = body.get(blocks_at..blocks_at + blocks_len).ok_or(RtcpError::BadLength)?;
        Ok(Self { sender_ssrc, sender_info, blocks })
    }

    /// The report blocks of the first packet.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        self.blocks.as_chunks::<REPORT_BLOCK_LEN>().0.iter().filter_map(|block| read_block(block))
    }
}

fn check_lengths(datagram: &[u8]) -> Result<(), RtcpError> {
    if datagram.len() < HEADER_LEN + SSRC_LEN {
        return Err(RtcpError::TooShort);
    }
    let mut rest = datagram;
    while let Some(header) = rest.first_chunk::<HEADER_LEN>() {
        if header[0] >> 6 != VERSION {
            return Err(RtcpError::BadVersion);
        }
        let length = HEADER_LEN + usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
        let is_last = length == rest.len();
        if header[0] & PADDING_BIT != 0 && !is_last {
            return Err(RtcpError::BadLength);
        }
        rest = rest.get(length..).ok_or(RtcpError::BadLength)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(RtcpError::BadLength) }
}

/// The SSRC that every kind of RTCP packet begins with; `None` when it is too short or of another version.
pub(crate) fn sender_ssrc(datagram: &[u8]) -> Option<u32> {
    let is_rtcp = datagram.first().is_some_and(|first| first >> 6 == VERSION);
    if is_rtcp { read_u32(datagram, HEADER_LEN) } else { None }
}

/// Replaces the SSRC that packets of a valid compound begin with, where it is `from`; the SDES of a mixer keeps
/// the chunks after its first.
pub(crate) fn replace_sender(compound: &mut [u8], from: u32, to: u32) {
    let mut rest = compound;
    while let Some(header) = rest.first_chunk::<HEADER_LEN>() {
        let length = HEADER_LEN + usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
        let Some((packet, after)) = rest.split_at_mut_checked(length) else { return };
        if let Some(ssrc) = packet.get_mut(HEADER_LEN..CLEAR_LEN)
            && *ssrc == from.to_be_bytes()
        {
            ssrc.copy_from_slice(&to.to_be_bytes());
        }
        rest = after;
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn read_sender_info(bytes: &[u8]) -> Option<SenderInfo> {
    let seconds = u64::from(read_u32(bytes, 0)?);
    let fraction = u64::from(read_u32(bytes, 4)?);
    Some(SenderInfo {
        ntp: seconds << 32 | fraction,
        rtp_timestamp: read_u32(bytes, 8)?,
        packets: read_u32(bytes, 12)?,
        octets: read_u32(bytes, 16)?,
    })
}

fn read_block(bytes: &[u8]) -> Option<ReportBlock> {
    let loss = read_u32(bytes, 4)?;
    Some(ReportBlock {
        ssrc: read_u32(bytes, 0)?,
        fraction_lost: (loss >> 24) as u8,
        // Shifting the 24-bit number to the top and back keeps its sign.
        cumulative_lost: (loss << 8).cast_signed() >> 8,
        highest_sequence: read_u32(bytes, 8)?,
        jitter: read_u32(bytes, 12)?,
        last_sender_report: read_u32(bytes, 16)?,
        delay_since_last_sender_report: read_u32(bytes, 20)?,
    })
}

/// Writes SR (with `sender_info`) or RR, then SDES with a CNAME of at most 255 octets (RFC 3550 6.5.1).
pub fn write_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    sender_info: Option<&SenderInfo>,
    block: Option<&ReportBlock>,
    cname: &str,
) {
    let info_len = if sender_info.is_some() { SENDER_INFO_LEN } else { 0 };
    let block_len = if block.is_some() { REPORT_BLOCK_LEN } else { 0 };
    let packet_type = if sender_info.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    write_header(out, u8::from(block.is_some()), packet_type, SSRC_LEN + info_len + block_len);
    out.extend_from_slice(&ssrc.to_be_bytes());
    if let Some(info) = sender_info {
        out.extend_from_slice(&info.ntp.to_be_bytes());
        for word in [info.rtp_timestamp, info.packets, info.octets] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        write_block(out, block);
    }
    write_cname(out, ssrc, cname);
}

fn write_header(out: &mut Vec<u8>, count: u8, packet_type: u8, body_len: usize) {
    out.extend_from_slice(&[VERSION << 6 | count, packet_type]);
    out.extend_from_slice(&((body_len / 4) as u16).to_be_bytes());
}

fn write_block(out: &mut Vec<u8>, block: &ReportBlock) {
    let loss = u32::from(block.fraction_lost) << 24 | block.cumulative_lost.cast_unsigned() & 0x00ff_ffff;
    let words = [
        block.ssrc,
        loss,
        block.highest_sequence,
        block.jitter,
        block.last_sender_report,
        block.delay_since_last_sender_report,
    ];
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

fn write_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name = &cname.as_bytes()[..cname.len().min(255)];
    // The chunk ends with one to four zero octets, so that it fills whole words.
    let body_len = (SSRC_LEN + 2 + name.len()) / 4 * 4 + 4;
    write_header(out, 1, SOURCE_DESCRIPTION, body_len);
    let end = out.len() + body_len;
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[CNAME, name.len() as u8]);
    out.extend_from_slice(name);
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 0xaabb_ccdd,
        fraction_lost: 64,
        cumulative_lost: -2,
        highest_sequence: 70_000,
        jitter: 33,
        last_sender_report: 0x1234_5678,
        delay_since_last_sender_report: 65_536,
    };
    const INFO: SenderInfo =
        SenderInfo { ntp: 0x0102_0304_0506_0708, rtp_timestamp: 160, packets: 3, octets: 480 };

    fn report(info: Option<&SenderInfo>, block: Option<&ReportBlock>, cname: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write_report(&mut out, 7, info, block, cname);
        out
    }

    #[test]
    fn it_reads_the_sender_report_that_it_wrote() {
        let bytes = report(Some(&INFO), Some(&BLOCK), "abc");
        let compound = Compound::parse(&bytes).unwrap();
        assert_eq!((compound.sender_ssrc, compound.sender_info), (7, Some(INFO)));
        assert_eq!(compound.report_blocks().collect::<Vec<_>>(), [BLOCK]);
    }

    #[test]
    fn it_reads_a_receiver_report_without_blocks() {
        let bytes = report(None, None, "abc");
        let compound = Compound::parse(&bytes).unwrap();
        assert_eq!((compound.sender_info, compound.report_blocks().count()), (None, 0));
    }

    #[test]
    fn it_ends_each_cname_with_zeros_up_to_a_whole_word() {
        for length in 0..9 {
            let bytes = report(None, None, &"x".repeat(length));
            assert!(Compound::parse(&bytes).is_ok(), "CNAME of {length}");
            assert_eq!(bytes.last(), Some(&0));
        }
    }

    #[test]
    fn it_refuses_a_compound_that_does_not_begin_with_a_report() {
        let bytes = report(None, None, "abc");
        assert_eq!(Compound::parse(&bytes[8..]).unwrap_err(), RtcpError::NoReportFirst);
    }

    #[test]
    fn it_refuses_every_truncation() {
        let bytes = report(Some(&INFO), Some(&BLOCK), "abc");
        let whole_first_packet = 52;
        for length in (0..bytes.len()).filter(|&length| length != whole_first_packet) {
            assert!(Compound::parse(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn it_refuses_a_report_count_beyond_the_packet() {
        let mut bytes = report(None, Some(&BLOCK), "abc");
        bytes[0] = 0x82;
        assert_eq!(Compound::parse(&bytes).unwrap_err(), RtcpError::BadLength);
    }

    #[test]
    fn it_refuses_padding_before_the_last_packet_and_foreign_versions() {
        let mut bytes = report(None, None, "abc");
        bytes[0] |= PADDING_BIT;
        assert_eq!(Compound::parse(&bytes).unwrap_err(), RtcpError::BadLength);
        bytes[0] = 0x41;
        assert_eq!(Compound::parse(&bytes).unwrap_err(), RtcpError::BadVersion);
    }
}
