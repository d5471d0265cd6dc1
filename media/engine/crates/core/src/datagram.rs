// SPDX-License-Identifier: Apache-2.0
//! A datagram in a buffer with room behind it: encryption makes it longer, decryption shorter, in place.

/// Octets that a buffer needs behind a datagram, so that it can be protected (RFC 3711: index and tag of SRTCP).
pub const SPARE_LEN: usize = 14;

/// A datagram; invariant: its length is at most that of its buffer.
#[derive(Debug)]
pub struct Datagram<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Datagram<'a> {
    /// The first `length` octets of a buffer, or all of them when it is shorter.
    #[must_use]
    pub fn new(buffer: &'a mut [u8], length: usize) -> Self {
        let length = length.min(buffer.len());
        Self { buffer, length }
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// The octets, to be changed.
    pub fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.length]
    }

    /// How many octets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Cuts off what comes after the first `length` octets.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Appends octets; false, and nothing is changed, when the buffer has no room for them.
    pub fn extend(&mut self, octets: &[u8]) -> bool {
        let end = self.length + octets.len();
        let Some(room) = self.buffer.get_mut(self.length..end) else { return false };
        room.copy_from_slice(octets);
        self.length = end;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_only_into_its_own_buffer() {
        let mut buffer = [1, 2, 3, 0, 0];
        let mut datagram = Datagram::new(&mut buffer, 3);
        assert!(!datagram.extend(&[4, 5, 6]));
        assert_eq!(datagram.octets(), [1, 2, 3]);
        assert!(datagram.extend(&[4, 5]));
        datagram.truncate(4);
        datagram.truncate(9);
        assert_eq!((datagram.octets(), datagram.len()), (&[1, 2, 3, 4][..], 4));
    }

    #[test]
    fn it_is_never_longer_than_its_buffer() {
        assert_eq!(Datagram::new(&mut [0; 4], 9).len(), 4);
    }
}
