// SPDX-License-Identifier: Apache-2.0
//! Deadlines of all sessions in one heap.
//!
//! A session remembers the deadline it armed per kind; an entry that does not match it is stale and skipped,
//! so that re-arming never has to search the heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::slab::SessionKey;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKind {
    /// The next packet of a prompt.
    Playback,
    /// The inactivity check.
    Inactivity,
    /// The next RTCP report.
    Report,
}

pub(crate) const TIMER_KINDS: [TimerKind; 3] =
    [TimerKind::Playback, TimerKind::Inactivity, TimerKind::Report];

/// The armed deadlines of one session, indexed by kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadlines([Option<u64>; TIMER_KINDS.len()]);

impl Deadlines {
    pub(crate) fn get(&self, kind: TimerKind) -> Option<u64> {
        self.0[kind as usize]
    }

    pub(crate) fn set(&mut self, kind: TimerKind, due_us: Option<u64>) {
        self.0[kind as usize] = due_us;
    }
}

/// The heap of deadlines, earliest first.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(u64, SessionKey, TimerKind)>>);

impl Timers {
    pub(crate) fn push(&mut self, due_us: u64, key: SessionKey, kind: TimerKind) {
        self.0.push(Reverse((due_us, key, kind)));
    }

    /// The earliest deadline; it may be stale, which costs one idle wake-up and nothing else.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((due_us, ..))| *due_us)
    }

    pub(crate) fn pop_due(&mut self, now_us: u64) -> Option<(u64, SessionKey, TimerKind)> {
        if self.next_due()? > now_us {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
