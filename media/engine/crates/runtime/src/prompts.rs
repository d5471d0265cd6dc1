// SPDX-License-Identifier: Apache-2.0
//! Encoded prompts, shared: a thousand callers who hear one announcement hold one copy of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use media_core::g711::Codec;

type Copies = Vec<Weak<[u8]>>;

/// The prompts that are being played, by codec and length.
#[derive(Debug, Default)]
pub(crate) struct Prompts(Mutex<HashMap<(Codec, usize), Copies>>);

impl Prompts {
    /// Encodes s16le samples and gives the copy in use when the same octets are being played already.
    pub(crate) fn encode(&self, codec: Codec, pcm: &[u8]) -> Arc<[u8]> {
        let encoded = codec.encode_prompt(pcm);
        // Only whole entries are ever written, so a poisoned table is still usable.
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let copies = table.entry((codec, encoded.len())).or_default();
        copies.retain(|copy| copy.strong_count() > 0);
        if let Some(copy) = copies.iter().filter_map(Weak::upgrade).find(|copy| **copy == *encoded) {
            return copy;
        }
        let prompt: Arc<[u8]> = encoded.into();
        copies.push(Arc::downgrade(&prompt));
        table.retain(|_, copies| copies.iter().any(|copy| copy.strong_count() > 0));
        prompt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shares_equal_prompts_and_forgets_those_that_ended() {
        let prompts = Prompts::default();
        let first = prompts.encode(Codec::Pcmu, &[1; 640]);
        assert!(Arc::ptr_eq(&first, &prompts.encode(Codec::Pcmu, &[1; 640])));
        assert!(!Arc::ptr_eq(&first, &prompts.encode(Codec::Pcmu, &[9; 640])), "other audio of that length");
        drop(first);
        drop(prompts.encode(Codec::Pcma, &[1; 320]));
        let last = prompts.encode(Codec::Pcma, &[2; 640]);
        assert_eq!(prompts.0.lock().unwrap().len(), 1);
        drop(last);
    }
}
