// SPDX-License-Identifier: Apache-2.0
//! G.711 mu-law and A-law, and the encoding of prompts. Tables are built at compile time.

use crate::playback::SAMPLES_PER_PACKET;

const BIAS: i32 = 0x84;
const CLIP: i32 = 32_635;

/// The two laws of G.711; both carry 8 kHz mono, one octet per sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// mu-law, static payload type 0.
    Pcmu,
    /// A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// The codec of an SDP encoding name, in any case (RFC 4855 4).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PCMU" => Some(Self::Pcmu),
            "PCMA" => Some(Self::Pcma),
            _ => None,
        }
    }

    /// The octet for a linear sample.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => encode_ulaw(sample),
            Self::Pcma => encode_alaw(sample),
        }
    }

    /// The linear sample for an octet.
    #[must_use]
    pub fn decode(self, octet: u8) -> i16 {
        match self {
            Self::Pcmu => ULAW_DECODE[usize::from(octet)],
            Self::Pcma => ALAW_DECODE[usize::from(octet)],
        }
    }

    /// Encodes a prompt given as s16le samples at 8 kHz; the last packet is filled up with silence.
    ///
    /// A trailing single octet is ignored: callers that care check for an even length first.
    #[must_use]
    pub fn encode_prompt(self, pcm: &[u8]) -> Vec<u8> {
        let packets = (pcm.len() / 2).div_ceil(SAMPLES_PER_PACKET);
        let mut encoded = Vec::with_capacity(packets * SAMPLES_PER_PACKET);
        encoded.extend(pcm.chunks_exact(2).map(|pair| self.encode(i16::from_le_bytes([pair[0], pair[1]]))));
        encoded.resize(packets * SAMPLES_PER_PACKET, self.encode(0));
        encoded
    }
}

fn encode_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    // The bias makes bit 7 the lowest possible top bit, so the segment is never negative.
    let segment = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | mantissa as u8)
}

fn encode_alaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    // One's complement for negative values, as in the G.711 reference, so that -1 and 0 mirror each other.
    let magnitude = (if sample < 0 { !sample } else { sample }) as u32;
    let octet = if magnitude < 256 {
        magnitude >> 4
    } else {
        let segment = 24 - magnitude.leading_zeros();
        (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)
    };
    (sign | octet as u8) ^ 0x55
}

const fn decode_ulaw(octet: u8) -> i16 {
    let octet = !octet;
    let magnitude = ((((octet & 0x0f) as i32) << 3) + BIAS) << ((octet >> 4) & 7);
    let value = magnitude - BIAS;
    if octet & 0x80 != 0 { -value as i16 } else { value as i16 }
}

const fn decode_alaw(octet: u8) -> i16 {
    let octet = octet ^ 0x55;
    let mantissa = ((octet & 0x0f) as i32) << 4;
    let segment = (octet >> 4) & 7;
    let magnitude = if segment == 0 { mantissa + 8 } else { (mantissa + 0x108) << (segment - 1) };
    if octet & 0x80 != 0 { magnitude as i16 } else { -magnitude as i16 }
}

static ULAW_DECODE: [i16; 256] = decode_ulaw_table();
static ALAW_DECODE: [i16; 256] = decode_alaw_table();

const fn decode_ulaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = decode_ulaw(octet as u8);
        octet += 1;
    }
    table
}

const fn decode_alaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = decode_alaw(octet as u8);
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    #[test]
    fn it_encodes_the_corner_values_of_g711() {
        let ulaw = [(0, 0xff), (-1, 0x7f), (32_767, 0x80), (-32_768, 0x00), (1_000, 0xce), (-1_000, 0x4e)];
        for (sample, octet) in ulaw {
            assert_eq!(Codec::Pcmu.encode(sample), octet, "mu-law of {sample}");
        }
        let alaw = [(0, 0xd5), (-1, 0x55), (32_767, 0xaa), (-32_768, 0x2a), (1_000, 0xfa), (-1_000, 0x7a)];
        for (sample, octet) in alaw {
            assert_eq!(Codec::Pcma.encode(sample), octet, "A-law of {sample}");
        }
    }

    #[test]
    fn it_gives_back_each_octet_after_decoding_and_encoding() {
        for codec in CODECS {
            for octet in 0..=255 {
                let again = codec.encode(codec.decode(octet));
                // mu-law has two zeros; negative zero comes back as positive zero.
                let expected = if codec == Codec::Pcmu && octet == 0x7f { 0xff } else { octet };
                assert_eq!(again, expected, "{codec:?} {octet:#x}");
            }
        }
    }

    #[test]
    fn it_keeps_the_error_within_the_step_of_the_segment() {
        for codec in CODECS {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let error = (i32::from(codec.decode(codec.encode(sample))) - i32::from(sample)).abs();
                let limit = (i32::from(sample).abs() / 16).max(16);
                assert!(error <= limit, "{codec:?}: {sample} is off by {error}");
            }
        }
    }

    #[test]
    fn it_fills_the_last_packet_with_silence() {
        let encoded = Codec::Pcma.encode_prompt(&[0x10; 2 * 161]);
        assert_eq!(encoded.len(), 320);
        assert_eq!(&encoded[161..], [0xd5; 159]);
        assert!(Codec::Pcmu.encode_prompt(&[]).is_empty());
    }

    #[test]
    fn it_knows_codecs_by_their_sdp_names() {
        assert_eq!(Codec::from_name("pcmu"), Some(Codec::Pcmu));
        assert_eq!(Codec::from_name("PCMA"), Some(Codec::Pcma));
        assert_eq!(Codec::from_name("opus"), None);
    }
}
