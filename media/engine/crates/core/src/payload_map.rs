// SPDX-License-Identifier: Apache-2.0
//! Payload types of packets on their way to one remote: what the peer calls a format, what this remote calls it.

use crate::error::MediaError;

const DROP: u8 = 0xff;
const TYPES: usize = 128;

/// A table from the peer's payload type to this remote's; the default leaves all as they are.
#[derive(Debug, Clone, Default)]
pub struct PayloadMap {
    table: Option<Box<[u8; TYPES]>>,
}

impl PayloadMap {
    /// Builds the table from pairs (peer's type, own type) and the peer's types that may pass unchanged.
    ///
    /// Without `allowed`, types that are not mapped pass unchanged. With it, only those of `mapping` and
    /// `allowed` pass.
    ///
    /// # Errors
    /// `PayloadTypeOutOfRange` for a number above 127.
    pub fn new(mapping: &[(u8, u8)], allowed: Option<&[u8]>) -> Result<Self, MediaError> {
        let mut table = Box::new([DROP; TYPES]);
        match allowed {
            Some(allowed) => {
                for &own in allowed {
                    table[index(own)?] = own;
                }
            }
            None => (0..).zip(table.iter_mut()).for_each(|(own, entry)| *entry = own),
        }
        for &(peer, own) in mapping {
            index(own)?;
            table[index(peer)?] = own;
        }
        Ok(Self { table: Some(table) })
    }

    /// The payload type to send, or `None` when the packet must be dropped.
    #[must_use]
    pub fn get(&self, payload_type: u8) -> Option<u8> {
        let Some(table) = &self.table else {
            return Some(payload_type);
        };
        table.get(usize::from(payload_type)).copied().filter(|&own| own != DROP)
    }
}

fn index(payload_type: u8) -> Result<usize, MediaError> {
    let index = usize::from(payload_type);
    if index < TYPES { Ok(index) } else { Err(MediaError::PayloadTypeOutOfRange(payload_type)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leaves_everything_alone_by_default() {
        assert_eq!(PayloadMap::default().get(96), Some(96));
    }

    #[test]
    fn it_maps_and_lets_the_rest_pass() {
        let map = PayloadMap::new(&[(101, 96)], None).unwrap();
        assert_eq!((map.get(101), map.get(0), map.get(96)), (Some(96), Some(0), Some(96)));
    }

    #[test]
    fn it_drops_what_is_neither_mapped_nor_allowed() {
        let map = PayloadMap::new(&[(101, 96)], Some(&[0, 8])).unwrap();
        assert_eq!((map.get(101), map.get(8), map.get(18)), (Some(96), Some(8), None));
    }

    #[test]
    fn it_refuses_numbers_that_are_no_payload_types() {
        assert_eq!(PayloadMap::new(&[(128, 0)], None).unwrap_err(), MediaError::PayloadTypeOutOfRange(128));
        assert_eq!(PayloadMap::new(&[(0, 200)], None).unwrap_err(), MediaError::PayloadTypeOutOfRange(200));
        assert_eq!(PayloadMap::new(&[], Some(&[255])).unwrap_err(), MediaError::PayloadTypeOutOfRange(255));
    }
}
