// SPDX-License-Identifier: Apache-2.0
//! Crypto suites, master keys, and the session keys derived from them (RFC 3711 4.3).
//!
//! Keys are never shown: `Debug` tells the suite alone, and memory is overwritten when a key is dropped.

use std::fmt;

use aes::Aes128;
use aes::cipher::{KeyInit, KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

/// Octets of a master key and its salt, as SDP carries them (RFC 4568 6.2.1).
pub const MASTER_LEN: usize = KEY_LEN + SALT_LEN;
const KEY_LEN: usize = 16;
const SALT_LEN: usize = 14;
const AUTH_KEY_LEN: usize = 20;
const BLOCK_LEN: usize = 16;
/// A label that neither RFC 3711 nor RFC 6904 uses.
const FIRST_SSRC_LABEL: u8 = 0x80;
/// Position of the label in the derivation's counter block: an index of 48 bits, zero here, follows it.
const LABEL_AT: usize = 7;

/// What packets are protected with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm128HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`
    AesCm128HmacSha1_32,
}

impl Suite {
    /// The suite of that name in the registry of RFC 4568.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "AES_CM_128_HMAC_SHA1_80" => Some(Self::AesCm128HmacSha1_80),
            "AES_CM_128_HMAC_SHA1_32" => Some(Self::AesCm128HmacSha1_32),
            _ => None,
        }
    }

    /// Octets of the tag of an RTP packet.
    pub(super) fn rtp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }
}

/// Octets of the tag of an RTCP packet: 80 bits in every suite (RFC 4568 6.2.2).
pub(super) const RTCP_TAG_LEN: usize = 10;

/// A suite with its master key and salt.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    octets: Zeroizing<[u8; MASTER_LEN]>,
}

impl MasterKey {
    /// A key from the octets that SDP carries in base 64: 16 of key, 14 of salt.
    #[must_use]
    pub fn new(suite: Suite, octets: &[u8; MASTER_LEN]) -> Self {
        Self { suite, octets: Zeroizing::new(*octets) }
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Where the SSRCs begin that a sender draws: any number would do, but another for each key.
    pub(super) fn first_ssrc(&self) -> u32 {
        let mut octets = [0; 4];
        self.derive(FIRST_SSRC_LABEL, &mut octets);
        u32::from_be_bytes(octets)
    }

    /// Fills `out` with key material (RFC 3711 4.3.1 to 4.3.3; the key derivation rate is zero).
    fn derive(&self, label: u8, out: &mut [u8]) {
        let mut block = [0; BLOCK_LEN];
        block[..SALT_LEN].copy_from_slice(&self.octets[KEY_LEN..]);
        block[LABEL_AT] ^= label;
        out.fill(0);
        let (key, _) = self.octets.split_at(KEY_LEN);
        Ctr128BE::<Aes128>::new(key.into(), &block.into()).apply_keystream(out);
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MasterKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Which session keys: those of RTP or those of RTCP (the labels of RFC 3711 4.3.2).
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Rtp = 0,
    Rtcp = 3,
}

/// The keys of one direction, for RTP or RTCP.
pub(super) struct SessionKeys {
    pub(super) cipher: Aes128,
    pub(super) mac: Hmac<Sha1>,
    pub(super) salt: Zeroizing<[u8; SALT_LEN]>,
}

impl SessionKeys {
    pub(super) fn new(master: &MasterKey, purpose: Purpose) -> Self {
        let label = purpose as u8;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        let mut auth = Zeroizing::new([0; AUTH_KEY_LEN]);
        let mut salt = Zeroizing::new([0; SALT_LEN]);
        master.derive(label, &mut *key);
        master.derive(label + 1, &mut *auth);
        master.derive(label + 2, &mut *salt);
        let mac = <Hmac<Sha1> as Mac>::new_from_slice(&*auth).expect("HMAC takes keys of any length");
        Self { cipher: Aes128::new((&*key).into()), mac, salt }
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionKeys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6";

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn master() -> MasterKey {
        MasterKey::new(Suite::AesCm128HmacSha1_80, &hex(MASTER).try_into().unwrap())
    }

    #[test]
    fn it_derives_the_keys_of_rfc_3711_appendix_b3() {
        let vectors = [
            (0, "c61e7a93744f39ee10734afe3ff7a087"),
            (2, "30cbbc08863d8c85d49db34a9ae1"),
            (
                1,
                "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef72270986\
                 371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2dc68",
            ),
        ];
        for (label, expected) in vectors {
            let expected = hex(expected);
            let mut out = vec![0xff; expected.len()];
            master().derive(label, &mut out);
            assert_eq!(out, expected, "label {label}");
        }
    }

    #[test]
    fn it_makes_the_key_stream_of_rfc_3711_appendix_b2() {
        let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
        let start = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000");
        let mut stream = vec![0; 0xff02 * BLOCK_LEN];
        Ctr128BE::<Aes128>::new(key.as_slice().into(), start.as_slice().into()).apply_keystream(&mut stream);
        let vectors = [
            (0x0000, "e03ead0935c95e80e166b16dd92b4eb4"),
            (0x0001, "d23513162b02d0f72a43a2fe4a5f97ab"),
            (0x0002, "41e95b3bb0a2e8dd477901e4fca894c0"),
            (0xfeff, "ec8cdf7398607cb0f2d21675ea9ea1e4"),
            (0xff00, "362b7c3c6773516318a077d7fc5073ae"),
            (0xff01, "6a2cc3787889374fbeb4c81b17ba6c44"),
        ];
        for (block, expected) in vectors {
            assert_eq!(stream[block * BLOCK_LEN..][..BLOCK_LEN], hex(expected), "block {block:x}");
        }
    }

    #[test]
    fn it_knows_its_suites_by_their_registered_names() {
        assert_eq!(Suite::from_name("AES_CM_128_HMAC_SHA1_80"), Some(Suite::AesCm128HmacSha1_80));
        assert_eq!(Suite::from_name("AES_CM_128_HMAC_SHA1_32"), Some(Suite::AesCm128HmacSha1_32));
        assert_eq!(Suite::from_name("F8_128_HMAC_SHA1_80"), None);
    }

    #[test]
    fn it_never_shows_a_key() {
        let shown = format!("{:?} {:?}", master(), SessionKeys::new(&master(), Purpose::Rtp));
        assert!(shown.contains("AesCm128HmacSha1_80"));
        assert!(!shown.contains("225") && !shown.contains("e1"), "{shown}");
    }
}
