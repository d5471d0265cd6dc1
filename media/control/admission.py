# SPDX-License-Identifier: Apache-2.0
"""Which new sessions are let in: ids that can be, and on a node that is about to stop only those of its own calls.

It must not know engines or descriptions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from media.control.errors import ErrorCode, MediaError, Reason, invalid
from media.control.results import DrainWish
from media.control.session import MediaSession

log = logging.getLogger(__name__)

MAX_SESSION_ID_CHARACTERS = 64
MAX_CALL_ID_CHARACTERS = 512


class Admission:
    """Decides on new sessions.

    Args:
        sessions: those that there are.

    Attributes:
        is_draining: whether the node is about to stop.
        wish: what operators want of the node; the signaling nodes see to it.
        on_wish: is called when that changed; set by the service.
    """

    def __init__(self, sessions: Mapping[str, MediaSession]) -> None:
        self.is_draining = False
        self.wish = DrainWish.NONE
        self.on_wish: Callable[[], None] = lambda: None
        self._sessions = sessions

    def wishes(self, wish: DrainWish) -> None:
        """Remember what operators want, and tell of it when it is new."""
        if wish is not self.wish:
            log.info("drain wish: %s", wish.name.lower())
            self.wish = wish
            self.on_wish()

    def check(self, session_id: str, call_id: str) -> None:
        """Refuse a session that cannot be.

        Both legs of a call must be on one node, so a call that is here already may go on being set up.

        Raises:
            MediaError: INVALID_ARGUMENT (ids), UNAVAILABLE (the node is about to stop).
        """
        if not 0 < len(session_id) <= MAX_SESSION_ID_CHARACTERS or len(call_id) > MAX_CALL_ID_CHARACTERS:
            raise invalid(Reason.BAD_REQUEST, "session_id is empty, or an id is too long")
        if session_id in self._sessions:
            raise invalid(Reason.BAD_REQUEST, f"session {session_id!r} exists")
        if self.is_draining and not self._has(call_id):
            raise MediaError(
                ErrorCode.UNAVAILABLE, "the RTP manager takes no more calls: it stops", Reason.DRAINING
            )

    def _has(self, call_id: str) -> bool:
        return bool(call_id) and any(session.call_id == call_id for session in self._sessions.values())
