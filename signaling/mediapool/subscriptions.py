# SPDX-License-Identifier: Apache-2.0
"""Who hears of which session of one RTP manager.

It must not know streams. Invariant: a subscriber that fails harms no other one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from media.control.gen import rtpmanager_pb2 as pb

log = logging.getLogger(__name__)


class NodeLost(NamedTuple):
    """Event: the session is gone with its RTP manager, or cannot be reached any more."""

    session_id: str
    reason: str


EventCallback = Callable[[Any], None]
"""Takes `pb.MediaStarted`, `pb.MediaInactive`, `pb.PlaybackEvent`, `pb.SessionExpired` or `NodeLost`."""


class _Subscription(NamedTuple):
    callback: EventCallback
    epoch: int


class Subscriptions:
    """The subscribers of one RTP manager.

    Attributes:
        epoch: how many streams have broken so far; a session that was begun later may be one of the next boot.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self._by_session: dict[str, _Subscription] = {}

    def __len__(self) -> int:
        return len(self._by_session)

    def add(self, session_id: str, callback: EventCallback) -> None:
        """Deliver the events of a session from now on."""
        self._by_session[session_id] = _Subscription(callback, self.epoch)

    def remove(self, session_id: str) -> None:
        """Stop the delivery; an unknown session is fine."""
        self._by_session.pop(session_id, None)

    def deliver(self, event: pb.ControlEvent) -> None:
        """Give an event to the subscriber of its session."""
        kind = event.WhichOneof("event")
        if kind is None:
            return
        body = getattr(event, kind)
        subscription = self._by_session.get(body.session_id)
        if subscription is not None:
            _notify(subscription, body)

    def lose(self, reason: str, *, before: int) -> int:
        """Tell those who subscribed before an epoch that their sessions are lost; return how many they are."""
        gone = [(sid, entry) for sid, entry in self._by_session.items() if entry.epoch < before]
        for session_id, entry in gone:
            self._by_session.pop(session_id, None)
            _notify(entry, NodeLost(session_id, reason))
        return len(gone)


def _notify(subscription: _Subscription, event: Any) -> None:
    try:
        subscription.callback(event)
    except Exception:
        # One call's mistake must not end the stream of all calls.
        log.exception("a subscriber of media events failed")
