# SPDX-License-Identifier: Apache-2.0
"""Counts calls, registrations and media sessions from the events of the node.

It is a subscriber of the event bus and knows nothing else. Invariant: a call is held here from its first event to its
last, and each of its setup times is measured once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from switchboard.events import Event, catalogue
from switchboard.metrics.numbers import Histogram, Readings

SERVICE, INTERNAL, OUTBOUND = "service", "internal", "outbound"
"""Directions of a call: answered by the dialplan alone, to a user of this node, to an address elsewhere."""

_USER_TARGET = "user/"
_REGISTRATIONS = {
    catalogue.RegistrationRegistered: "registered",
    catalogue.RegistrationRefreshed: "refreshed",
    catalogue.RegistrationUnregistered: "unregistered",
    catalogue.RegistrationExpired: "expired",
}


CALLER = "A"
"""The leg of who calls. It rings and answers in a call that the API asked for; only then the callee is called."""


class _Underway:
    """A call that has not ended."""

    __slots__ = ("direction", "has_media", "is_answered", "is_ringing", "received_at", "state")

    def __init__(self, received_at: float) -> None:
        self.received_at = received_at
        self.state = "received"
        self.direction = SERVICE
        self.is_ringing = False
        self.is_answered = False
        self.has_media = False


class CallMeter:
    """Counts what the events tell; subscribe it to the bus.

    Attributes:
        setup: setup times by stage, in seconds.
    """

    def __init__(self) -> None:
        self.setup = {
            stage: Histogram.of("switchboard_call_setup_seconds")
            for stage in ("trying", "ringing", "answer", "media")
        }
        self._calls: dict[str | None, _Underway] = {}
        self._started: Counter[str] = Counter()
        self._ended: Counter[tuple[str, ...]] = Counter()
        self._durations = Histogram.of("switchboard_call_duration_seconds")
        self._registrations: Counter[str] = Counter()
        self._sessions = 0
        self._silent = 0
        self._packets = {"received": 0, "sent": 0}
        self._lost = 0
        self._jitter = Histogram.of("switchboard_session_jitter_seconds")
        self._handlers: dict[type, Callable[[Any], None]] = {
            catalogue.CallReceived: self._received,
            catalogue.CallDialing: self._dialing,
            catalogue.CallRinging: self._ringing,
            catalogue.CallAnswered: self._answered,
            catalogue.CallBridged: self._bridged,
            catalogue.CallEnded: self._over,
            catalogue.SessionCreated: self._session_created,
            catalogue.SessionStarted: self._session_started,
            catalogue.SessionInactive: self._session_silent,
            catalogue.SessionDestroyed: self._session_over,
            **dict.fromkeys(_REGISTRATIONS, self._registration),
        }

    def __call__(self, event: Event) -> None:
        """Take one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def read(self) -> Readings:
        """Return what was counted."""
        return {
            "switchboard_calls": Counter((call.state, call.direction) for call in self._calls.values()),
            "switchboard_calls_started_total": {(origin,): n for origin, n in self._started.items()},
            "switchboard_calls_ended_total": dict(self._ended),
            "switchboard_call_setup_seconds": {(stage,): each for stage, each in self.setup.items()},
            "switchboard_call_duration_seconds": {(): self._durations},
            "switchboard_registration_events_total": {(name,): n for name, n in self._registrations.items()},
            "switchboard_sessions_created_total": {(): self._sessions},
            "switchboard_sessions_silent_total": {(): self._silent},
            "switchboard_session_packets_total": {(way,): n for way, n in self._packets.items()},
            "switchboard_session_packets_lost_total": {(): self._lost},
            "switchboard_session_jitter_seconds": {(): self._jitter},
        }

    # --- Calls ------------------------------------------------------------------------------------------------------

    def _received(self, event: catalogue.CallReceived) -> None:
        self._started[event.origin] += 1
        self._calls[event.call_uuid] = _Underway(event.event_time)

    def _dialing(self, event: catalogue.CallDialing) -> None:
        call = self._calls.get(event.call_uuid)
        if call is not None:
            call.direction = INTERNAL if event.target.startswith(_USER_TARGET) else OUTBOUND
            if not call.is_answered:
                call.state = "dialing"

    def _ringing(self, event: catalogue.CallRinging) -> None:
        call = self._calls.get(event.call_uuid)
        if call is not None and not call.is_answered:
            call.state = "ringing"
            if not call.is_ringing and event.leg != CALLER:
                call.is_ringing = True
                self._observe("ringing", call, event)

    def _answered(self, event: catalogue.CallAnswered) -> None:
        call = self._calls.get(event.call_uuid)
        if call is not None:
            call.state = "answered"
            if not call.is_answered and event.leg != CALLER:
                call.is_answered = True
                self._observe("answer", call, event)

    def _bridged(self, event: catalogue.CallBridged) -> None:
        call = self._calls.get(event.call_uuid)
        if call is not None:
            call.state = "bridged"

    def _over(self, event: catalogue.CallEnded) -> None:
        call = self._calls.pop(event.call_uuid, None)
        direction = SERVICE if call is None else call.direction
        self._ended[direction, event.disposition, event.reason] += 1
        if call is not None and call.is_answered:
            self._durations.observe(event.duration_seconds)

    def _observe(self, stage: str, call: _Underway, event: Event) -> None:
        self.setup[stage].observe(max(event.event_time - call.received_at, 0.0))

    # --- Sessions and registrations ---------------------------------------------------------------------------------

    def _session_created(self, event: catalogue.SessionCreated) -> None:
        self._sessions += 1

    def _session_started(self, event: catalogue.SessionStarted) -> None:
        call = self._calls.get(event.call_uuid)
        if call is not None and not call.has_media:
            call.has_media = True
            self._observe("media", call, event)

    def _session_silent(self, event: catalogue.SessionInactive) -> None:
        self._silent += 1

    def _session_over(self, event: catalogue.SessionDestroyed) -> None:
        self._packets["received"] += event.packets_received
        self._packets["sent"] += event.packets_sent
        self._lost += event.packets_lost
        if event.packets_received:
            self._jitter.observe(event.jitter_ms / 1000)

    def _registration(self, event: catalogue.RegistrationEvent) -> None:
        self._registrations[_REGISTRATIONS[type(event)]] += 1
