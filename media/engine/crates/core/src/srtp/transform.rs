// SPDX-License-Identifier: Apache-2.0
//! The transforms themselves: AES in counter mode and HMAC-SHA1 over octets (RFC 3711 4.1.1 and 4.2.1).

use aes::Aes128;
use aes::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{CtrCore, flavors};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::keys::SessionKeys;

const BLOCK_LEN: usize = 16;
const SSRC_AT: usize = 4;
const INDEX_AT: usize = 8;

impl SessionKeys {
    /// Encrypts or decrypts, which is the same, the packet of `index` of a stream.
    pub(super) fn apply_key_stream(&self, ssrc: u32, index: u64, octets: &mut [u8]) {
        let mut block = [0; BLOCK_LEN];
        block[..self.salt.len()].copy_from_slice(&*self.salt);
        // The index has 48 bits, so its two upper octets are zero and may lie over those of the SSRC.
        xor(&mut block[SSRC_AT..], &ssrc.to_be_bytes());
        xor(&mut block[INDEX_AT - 2..], &index.to_be_bytes());
        let core = CtrCore::<&Aes128, flavors::Ctr128BE>::inner_iv_init(&self.cipher, &block.into());
        StreamCipherCoreWrapper::from_core(core).apply_keystream(octets);
    }

    /// The state of a tag over `octets`, to which a counter may still be added.
    pub(super) fn tag_over(&self, octets: &[u8]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(octets);
        mac
    }
}

fn xor(octets: &mut [u8], other: &[u8]) {
    for (octet, other) in octets.iter_mut().zip(other) {
        *octet ^= other;
    }
}
