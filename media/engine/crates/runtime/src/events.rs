// SPDX-License-Identifier: Apache-2.0
//! The queue from the workers to the control side, with a descriptor that an event loop can watch.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media_core::Event;

use crate::sys::EventFd;

/// More than this waits only when the control side is stuck; new events are then dropped.
const MAX_QUEUED: usize = 1 << 18;

/// What became of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingReport {
    /// Its file is open.
    Started,
    /// All of it is in the file.
    Stopped,
    /// It ended early, or never began, for this reason.
    Failed(String),
}

/// What the control side is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineEvent {
    /// Something happened in a session.
    Media(Event),
    /// A recording began or ended.
    Recording {
        /// Session id.
        session: Arc<str>,
        /// The caller's name for the recording.
        recording: String,
        /// From its start to its end.
        duration_ms: u64,
        /// Octets of the file.
        octets: u64,
        /// Parts of packets that the writer could not take in time; they are silence.
        dropped: u64,
        /// What happened.
        report: RecordingReport,
    },
    /// A worker thread has ended; its sessions are lost and the process should be replaced.
    Fatal {
        /// Number of the worker.
        worker: usize,
        /// The panic message or system error.
        detail: String,
    },
}

/// Events in order, readable through `fd` while there are any.
#[derive(Debug)]
pub(crate) struct EventQueue {
    queue: Mutex<VecDeque<EngineEvent>>,
    signal: EventFd,
}

impl EventQueue {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { queue: Mutex::default(), signal: EventFd::new()? })
    }

    /// The lock is never held over code that can panic half way, so a poisoned queue is still whole.
    fn lock(&self) -> MutexGuard<'_, VecDeque<EngineEvent>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what `next` gives until it gives nothing; signals once.
    pub(crate) fn extend(&self, mut next: impl FnMut() -> Option<Event>) {
        let Some(first) = next() else { return };
        let mut queue = self.lock();
        let rest = std::iter::from_fn(next);
        for event in std::iter::once(first).chain(rest) {
            if queue.len() < MAX_QUEUED {
                queue.push_back(EngineEvent::Media(event));
            }
        }
        drop(queue);
        self.signal.signal();
    }

    /// Appends one event.
    pub(crate) fn push(&self, event: EngineEvent) {
        let mut queue = self.lock();
        if queue.len() < MAX_QUEUED {
            queue.push_back(event);
        }
        drop(queue);
        self.signal.signal();
    }

    /// Reports the end of a worker, even when the queue is full.
    pub(crate) fn push_fatal(&self, worker: usize, detail: String) {
        self.lock().push_back(EngineEvent::Fatal { worker, detail });
        self.signal.signal();
    }

    /// Takes all events.
    pub(crate) fn drain(&self) -> Vec<EngineEvent> {
        // Cleared first: an event that comes in between signals again, at worst for an empty queue.
        self.signal.clear();
        self.lock().drain(..).collect()
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.signal.fd()
    }
}
