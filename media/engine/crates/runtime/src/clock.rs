// SPDX-License-Identifier: Apache-2.0
//! The engine's clock: microseconds since it was made, and the wall time of that moment for RTCP.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds between the NTP era (1900) and the Unix epoch (1970).
const NTP_UNIX_OFFSET_S: u64 = 2_208_988_800;

/// A monotonic clock shared by all threads of an engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    pub(crate) fn now_us(self) -> u64 {
        self.0.elapsed().as_micros() as u64
    }
}

/// The NTP time stamp of now, 32.32 fixed point. A clock before 1970 reads as 1970.
pub(crate) fn ntp_now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
    (since_epoch.as_secs().wrapping_add(NTP_UNIX_OFFSET_S) << 32) | fraction
}
