// SPDX-License-Identifier: Apache-2.0
//! What the core tells the control side. Names are past tense; the session is named by its id.

use std::sync::Arc;

/// Something that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first RTP packet of the session's life was accepted.
    MediaStarted {
        /// Session id.
        session: Arc<str>,
    },
    /// No RTP packet was accepted for the inactivity time; reported once until media resumes.
    Inactive {
        /// Session id.
        session: Arc<str>,
    },
    /// A prompt began.
    PlayStarted {
        /// Session id.
        session: Arc<str>,
        /// The caller's name for this playback.
        play: Arc<str>,
    },
    /// The last packet of a prompt has been sent and its 20 ms are over.
    PlayCompleted {
        /// Session id.
        session: Arc<str>,
        /// The caller's name for this playback.
        play: Arc<str>,
    },
    /// A prompt ended early: stopped, replaced by another or the session was destroyed.
    PlayStopped {
        /// Session id.
        session: Arc<str>,
        /// The caller's name for this playback.
        play: Arc<str>,
    },
}
