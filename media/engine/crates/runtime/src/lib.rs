// SPDX-License-Identifier: Apache-2.0
//! Sockets, threads and the clock around `media_core`.
//!
//! A worker thread owns an epoll instance and a relay behind one mutex, which it takes once per batch of
//! datagrams; a control call takes it for the length of one command. Both ends of a bridge are always on one
//! worker, so packets cross no lock. It must not know Python.

mod address;
mod batch;
mod clock;
mod engine;
mod error;
mod events;
mod options;
mod ports;
mod prompts;
mod random;
mod recorder;
mod sockets;
mod sys;
mod wav;
mod worker;

pub use engine::{Engine, PlayOptions};
pub use error::EngineError;
pub use events::{EngineEvent, RecordingReport};
pub use media_core::g711::Codec;
pub use media_core::srtp::{MasterKey, SrtpKeys, Suite};
pub use media_core::{Event, MediaError, PayloadMap, Remote, SessionStatistics};
pub use options::EngineOptions;
pub use recorder::{RecordOptions, RecordingLength};
