// SPDX-License-Identifier: Apache-2.0
//! Sessions by slot. A key carries the generation of its slot, so that a key kept for too long finds nothing
//! instead of the session that took the slot later.

/// Names a session within one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    /// Index of the slot.
    pub slot: u32,
    /// How often the slot had been emptied when the key was made, modulo 2^31 (one bit is left for callers).
    pub generation: u32,
}

const GENERATION_MASK: u32 = 0x7fff_ffff;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<Box<T>>,
}

/// A slab of boxed values; boxes keep the slots small and moves cheap.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, value: Box<T>) -> SessionKey {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        entry.value = Some(value);
        SessionKey { slot, generation: entry.generation }
    }

    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Box<T>> {
        let entry =
            self.slots.get_mut(key.slot as usize).filter(|entry| entry.generation == key.generation)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1) & GENERATION_MASK;
        self.free.push(key.slot);
        Some(value)
    }

    pub(crate) fn get(&self, key: SessionKey) -> Option<&T> {
        let entry = self.slots.get(key.slot as usize).filter(|entry| entry.generation == key.generation)?;
        entry.value.as_deref()
    }

    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut T> {
        let entry =
            self.slots.get_mut(key.slot as usize).filter(|entry| entry.generation == key.generation)?;
        entry.value.as_deref_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_find_a_later_session_by_an_old_key() {
        let mut slab = Slab::new();
        let old = slab.insert(Box::new("first"));
        assert_eq!(slab.remove(old).as_deref(), Some(&"first"));
        let new = slab.insert(Box::new("second"));
        assert_eq!(new.slot, old.slot, "the slot is used again");
        assert_eq!((slab.get(old), slab.get(new)), (None, Some(&"second")));
        assert!(slab.remove(old).is_none());
        assert_eq!(slab.len(), 1);
    }
}
