// SPDX-License-Identifier: Apache-2.0
//! What a control call can be refused for.

use std::fmt;
use std::io;

use media_core::MediaError;

/// A control call that failed; nothing was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// No session of this id.
    SessionNotFound(String),
    /// A session of this id is there already.
    SessionExists(String),
    /// All port pairs are in use, in quarantine or held by other programs.
    PortsExhausted,
    /// The session is being recorded already.
    Recording(String),
    /// The session is not being recorded.
    NotRecording(String),
    /// The engine was closed.
    Closed,
    /// The worker thread of this number has failed; its sessions are lost.
    WorkerFailed(usize),
    /// An argument is out of range.
    Invalid(&'static str),
    /// The core refused the command.
    Media(MediaError),
    /// The operating system refused a resource, such as a file descriptor.
    Io(io::Error),
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionNotFound(id) => write!(formatter, "no session {id}"),
            Self::SessionExists(id) => write!(formatter, "session {id} exists"),
            Self::PortsExhausted => write!(formatter, "no RTP port pair is free"),
            Self::Recording(id) => write!(formatter, "session {id} is being recorded"),
            Self::NotRecording(id) => write!(formatter, "session {id} is not being recorded"),
            Self::Closed => write!(formatter, "the engine is closed"),
            Self::WorkerFailed(worker) => write!(formatter, "media worker {worker} has failed"),
            Self::Invalid(reason) => write!(formatter, "{reason}"),
            Self::Media(error) => write!(formatter, "{error}"),
            Self::Io(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<MediaError> for EngineError {
    fn from(error: MediaError) -> Self {
        Self::Media(error)
    }
}
