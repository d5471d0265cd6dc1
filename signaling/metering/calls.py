# SPDX-License-Identifier: Apache-2.0
"""Counts calls, registrations and media sessions as those who see to them tell.

It knows none of them: it is told at once and not by events, which need not be made when nobody else wants them.
Invariant: a call is held here from its first word to its last, and each of its setup times is measured once.
"""

from __future__ import annotations

from collections import Counter

from media.control.gen import rtpmanager_pb2 as pb
from signaling.binding import Binding
from signaling.location import BindingEvent
from switchboard.metrics.numbers import Histogram, Readings

SERVICE, INTERNAL, OUTBOUND = "service", "internal", "outbound"
"""Directions of a call: answered by the dialplan alone, to a user of this node, to an address elsewhere."""

_USER_TARGET = "user/"
_REGISTRATIONS = {
    BindingEvent.REGISTERED: "registered",
    BindingEvent.REFRESHED: "refreshed",
    BindingEvent.UNREGISTERED: "unregistered",
    BindingEvent.EXPIRED: "expired",
}

STATES = ("received", "dialing", "ringing", "answered", "bridged")
ORIGINS = ("phone", "api")
NO_CALLS: dict[tuple[str, ...], int] = {
    (state, direction): 0 for state in STATES for direction in (INTERNAL, OUTBOUND, SERVICE)
}
"""Shown also while there are none, as a series that comes and goes draws no line at zero."""

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
    """Counts what it is told. Times are seconds since the epoch, calls are named by the id of their record.

    Attributes:
        setup: setup times by stage, in seconds.
    """

    def __init__(self) -> None:
        self.setup = {
            stage: Histogram.of("switchboard_call_setup_seconds")
            for stage in ("trying", "ringing", "answer", "media")
        }
        self._calls: dict[str, _Underway] = {}
        self._started: Counter[str] = Counter()
        self._ended: Counter[tuple[str, ...]] = Counter()
        self._durations = Histogram.of("switchboard_call_duration_seconds")
        self._registrations: Counter[str] = Counter()
        self._sessions = 0
        self._silent = 0
        self._packets = {"received": 0, "sent": 0}
        self._lost = 0
        self._jitter = Histogram.of("switchboard_session_jitter_seconds")

    def read(self) -> Readings:
        """Return what was counted."""
        return {
            "switchboard_calls": {
                **NO_CALLS,
                **Counter((call.state, call.direction) for call in self._calls.values()),
            },
            "switchboard_calls_started_total": {(origin,): self._started[origin] for origin in ORIGINS},
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

    def call_received(self, call_id: str, origin: str, at: float) -> None:
        """Count a call that begins; ``origin`` is who began it."""
        self._started[origin] += 1
        self._calls[call_id] = _Underway(at)

    def call_dialing(self, call_id: str, target: str) -> None:
        """Note what is dialled."""
        call = self._calls.get(call_id)
        if call is not None:
            call.direction = INTERNAL if target.startswith(_USER_TARGET) else OUTBOUND
            if not call.is_answered:
                call.state = "dialing"

    def call_ringing(self, call_id: str, leg: str, at: float) -> None:
        """Note that a leg rings."""
        call = self._calls.get(call_id)
        if call is not None and not call.is_answered:
            call.state = "ringing"
            if not call.is_ringing and leg != CALLER:
                call.is_ringing = True
                self._observe("ringing", call, at)

    def call_answered(self, call_id: str, leg: str | None, at: float) -> None:
        """Note that a leg was answered; None: the call, by the dialplan itself."""
        call = self._calls.get(call_id)
        if call is not None:
            call.state = "answered"
            if not call.is_answered and leg != CALLER:
                call.is_answered = True
                self._observe("answer", call, at)

    def call_bridged(self, call_id: str) -> None:
        """Note that both legs hear each other."""
        call = self._calls.get(call_id)
        if call is not None:
            call.state = "bridged"

    def call_picked_up(self, call_id: str, state: str, target: str, at: float) -> None:
        """Hold a call that an earlier process counted as begun; ``target`` is what answered, empty for the dialplan."""
        call = self._calls[call_id] = _Underway(at)
        call.is_ringing = call.is_answered = call.has_media = True
        if target:
            self.call_dialing(call_id, target)
        call.state = state

    def call_ended(self, call_id: str, disposition: str, reason: str, duration_s: float) -> None:
        """Count a call that has ended."""
        call = self._calls.pop(call_id, None)
        direction = SERVICE if call is None else call.direction
        self._ended[direction, disposition, reason] += 1
        if call is not None and call.is_answered:
            self._durations.observe(duration_s)

    def _observe(self, stage: str, call: _Underway, at: float) -> None:
        self.setup[stage].observe(max(at - call.received_at, 0.0))

    # --- Sessions and registrations ---------------------------------------------------------------------------------

    def session_created(self) -> None:
        """Count a media session."""
        self._sessions += 1

    def session_started(self, call_id: str, at: float) -> None:
        """Note the first packet of a party."""
        call = self._calls.get(call_id)
        if call is not None and not call.has_media:
            call.has_media = True
            self._observe("media", call, at)

    def session_silent(self) -> None:
        """Count a party that fell silent."""
        self._silent += 1

    def session_ended(self, stats: pb.SessionStats | None) -> None:
        """Add up what a session counted, if that is known."""
        if stats is None:
            return
        received = stats.packets_received
        self._lost += stats.packets_lost
        self._packets["sent"] += stats.packets_sent
        if received:
            self._packets["received"] += received
            self._jitter.observe(stats.jitter_ms / 1000)

    def binding_changed(self, event: BindingEvent, _binding: Binding) -> None:
        """Count a change of a binding."""
        self._registrations[_REGISTRATIONS[event]] += 1
