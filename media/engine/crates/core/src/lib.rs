// SPDX-License-Identifier: Apache-2.0
//! Sans-IO core of the media engine.
//!
//! It takes packets, commands and the time, and gives back packets to send, events and deadlines. It knows no
//! socket, no thread, no clock and no random source: time is an argument (`now_us`, microseconds on any
//! monotonic clock) and randomness is injected (`SessionSeed`), so that an hour of call is tested in
//! milliseconds and always gives the same bytes.
//!
//! Panic policy: input never panics. An `expect` states the invariant that makes it safe.

mod datagram;
mod error;
mod event;
pub mod g711;
mod latch;
mod payload_map;
mod playback;
mod port_pool;
mod relay;
mod relay_timers;
mod reports;
pub mod rtcp;
pub mod rtp;
mod session;
mod session_srtp;
mod slab;
pub mod srtp;
mod statistics;
mod tap;
mod tick;
mod timeline;
mod timers;

pub use datagram::{Datagram, SPARE_LEN};
pub use error::MediaError;
pub use event::Event;
pub use latch::{Admission, Latch};
pub use payload_map::PayloadMap;
pub use playback::{MAX_CATCH_UP_PACKETS, PACKET_US, PlayRequest, SAMPLES_PER_PACKET};
pub use port_pool::PortPool;
pub use relay::{Component, Forward, Relay, RelayConfig, Transmit};
pub use session::{Remote, Session, SessionConfig, SessionSeed, SessionStatistics};
pub use slab::SessionKey;
pub use statistics::ReceiveStatistics;
pub use tap::{Audio, AudioTap, Direction};
pub use tick::AdaptiveTick;
pub use timeline::{Channel, PATIENCE_SAMPLES, SAMPLE_RATE_HZ, Timeline, samples_in};
