# SPDX-License-Identifier: Apache-2.0
"""Where the rows of the feed come from: the calls, legs, sessions, bindings and RTP managers of this process.

Invariant: between `begin` and `end` every change is in the answer of the next `changed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter, itemgetter
from typing import Any, Protocol

from signaling.binding import Binding
from signaling.calls.call import Call
from signaling.calls.notifier import CallStage
from signaling.calls.sessions import TERMINATED
from signaling.changes import Changes
from signaling.legs.states import LegState
from signaling.live import records
from signaling.live.tables import CALLS, DIALOGS, REGISTRATIONS, RTPMANAGERS, SESSIONS, Kind, Row, Table
from signaling.location import BindingEvent, Location

Message = tuple[Any, ...]
_GONE = (BindingEvent.UNREGISTERED, BindingEvent.EXPIRED)


class LiveSource(Protocol):
    """What the feed reads."""

    def everything(self) -> Iterator[tuple[str, Row]]:
        """Yield everything that is, as (table, row); made lazily, so that it can be read in pieces."""
        ...

    def begin(self, wake: Callable[[], None]) -> None:
        """Begin to note changes; ``wake`` is called when there is one."""
        ...

    def end(self) -> None:
        """Stop noting changes."""
        ...

    def changed(self) -> list[Message]:
        """Return the messages that tell what changed since the last time."""
        ...

    def polled(self) -> list[Message]:
        """Return the messages about what changes without a note, once a second."""
        ...


class NodeSource:
    """The live state of a signaling node.

    Args:
        changes: where calls, legs and sessions note that they changed.
        location: the bindings.
        calls: returns the running calls by the id of their record.
        legs: returns every leg that has not ended.
        nodes: the RTP managers.
        now: monotonic seconds, the clock of the location service.
    """

    def __init__(
        self,
        changes: Changes,
        location: Location,
        *,
        calls: Callable[[], dict[str, Call]],
        legs: Callable[[], Iterable[Any]],
        nodes: Iterable[Any],
        now: Callable[[], float],
    ) -> None:
        self._changes = changes
        self._location = location
        self._calls = calls
        self._legs = legs
        self._nodes = nodes
        self._now = now
        self._bindings: dict[str, Binding | None] = {}
        self._wake: Callable[[], None] | None = None
        self._rtpmanagers: dict[str, Row] = {}
        location.on_change.append(self._binding_changed)

    def everything(self) -> Iterator[tuple[str, Row]]:
        """Yield everything that is; what changes meanwhile is noted as well, and told after it."""
        for node in self._nodes:
            yield RTPMANAGERS.name, records.rtpmanager_row(node)
        for call in list(self._calls().values()):
            if call.notify.stage is not CallStage.ENDED:
                yield CALLS.name, records.call_row(call)
                sessions = [] if call.media is None else list(call.media.sessions.values())
                yield from _rows(SESSIONS, map(records.session_row, sessions))
        for leg in list(self._legs()):
            if leg.state is not LegState.ENDED:
                yield from _rows(DIALOGS, [records.dialog_row(leg)])
        for user_id in self._location.user_ids():
            yield from _rows(
                REGISTRATIONS, map(records.binding_row, self._location.bindings(user_id, self._now()))
            )

    def begin(self, wake: Callable[[], None]) -> None:
        """Begin to note changes."""
        self._wake = wake
        self._changes.wake = wake
        self._changes.clear()
        self._changes.active = True

    def end(self) -> None:
        """Stop noting changes."""
        self._wake = None
        self._changes.active = False
        self._changes.clear()
        self._bindings = {}

    def changed(self) -> list[Message]:
        """Return rows and keys of what changed, table by table."""
        messages: list[Message] = []
        changes = self._changes
        calls, legs, sessions, bindings = changes.calls, changes.legs, changes.sessions, self._bindings
        if calls or legs or sessions:
            changes.clear()
            _tell(messages, CALLS, calls, _call_row, _key_of_call)
            _tell(messages, SESSIONS, sessions, _session_row, _key_of_session)
            _tell(messages, DIALOGS, legs, _leg_row, _key_of_leg)
        if bindings:
            self._bindings = {}
            _tell(messages, REGISTRATIONS, bindings.items(), _binding_row, itemgetter(0))
        return messages

    def polled(self) -> list[Message]:
        """Return the rows of the RTP managers that changed."""
        now = {node.address: records.rtpmanager_row(node) for node in self._nodes}
        before, self._rtpmanagers = self._rtpmanagers, now
        messages: list[Message] = []
        rows = [row for address, row in now.items() if before.get(address) != row]
        gone = [address for address in before if address not in now]
        if rows:
            messages.append((Kind.ROWS, RTPMANAGERS.name, rows))
        if gone:
            messages.append((Kind.GONE, RTPMANAGERS.name, gone))
        return messages

    def _binding_changed(self, event: BindingEvent, binding: Binding) -> None:
        if self._wake is not None:
            self._bindings[records.binding_key(binding)] = None if event in _GONE else binding
            self._wake()


def _rows(table: Table, rows: Iterable[Row | None]) -> Iterator[tuple[str, Row]]:
    for row in rows:
        if row is not None:
            yield table.name, row


def _tell(
    messages: list[Message],
    table: Table,
    changed: Iterable[Any],
    make_row: Callable[[Any], Row | None],
    key_of: Callable[[Any], Any],
) -> None:
    rows, gone = [], []
    for thing in changed:
        row = make_row(thing)
        if row is None:
            gone.append(key_of(thing))
        else:
            rows.append(row)
    if rows:
        messages.append((Kind.ROWS, table.name, rows))
    if gone:
        messages.append((Kind.GONE, table.name, gone))


def _call_row(call: Call) -> Row | None:
    return None if call.notify.stage is CallStage.ENDED else records.call_row(call)


def _session_row(session: Any) -> Row | None:
    return None if session.state == TERMINATED else records.session_row(session)


def _leg_row(leg: Any) -> Row | None:
    return None if leg.state is LegState.ENDED else records.dialog_row(leg)


def _binding_row(item: tuple[str, Binding | None]) -> Row | None:
    return None if item[1] is None else records.binding_row(item[1])


_key_of_call = attrgetter("record.id")
_key_of_session = attrgetter("session_id")
_key_of_leg = attrgetter("number")
