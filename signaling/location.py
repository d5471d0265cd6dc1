# SPDX-License-Identifier: Apache-2.0
"""The location service: which phones a user has now (RFC 3261 section 10).

Sans-IO, one per node; time is an argument. Decides nothing about requests: that is the registrar. Invariants: an
expired binding is never returned, expired or not; every change is reported to `on_change` exactly once; memory is
proportional to the bindings alive, however often they are refreshed.
"""

from __future__ import annotations

import dataclasses
import enum
import heapq
from collections.abc import Callable, Iterable
from itertools import count

from signaling.binding import Binding, flow_without_connection
from signaling.sip import Flow

__all__ = ["Binding", "BindingEvent", "Location"]

STALE_TIMERS = 1000
"""Timers of refreshed bindings that may pile up before they are cleared away."""


class BindingEvent(enum.StrEnum):
    """What happened to a binding."""

    REGISTERED = "registered"
    REFRESHED = "refreshed"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"


ChangeCallback = Callable[[BindingEvent, Binding], None]


class Location:
    """Bindings by user and by AOR."""

    def __init__(self) -> None:
        self._by_user: dict[str, dict[str, Binding]] = {}
        self._user_of_aor: dict[str, str] = {}
        self._by_connection: dict[int, set[tuple[str, str]]] = {}
        self._timers: list[tuple[float, int, str, str]] = []
        self._order = count()
        self._size = 0
        self.on_change: list[ChangeCallback] = []
        """Called after each change with what happened and the binding (the last one known, when it went)."""

    def __len__(self) -> int:
        return self._size

    def bindings(self, key: str, now: float) -> list[Binding]:
        """Return the live bindings of a user id or AOR: higher q first, then the one registered last."""
        table = self._by_user.get(key) or self._by_user.get(self._user_of_aor.get(key, ""))
        if not table:
            return []
        live = [binding for binding in table.values() if binding.deadline > now]
        if len(live) > 1:
            live.sort(key=lambda binding: (-binding.q, -binding.registered_at))
        return live

    def all(self, now: float) -> list[Binding]:
        """Return every live binding."""
        return [b for table in self._by_user.values() for b in table.values() if b.deadline > now]

    def user_ids(self) -> list[str]:
        """Return the ids of the users that have a binding, expired or not."""
        return list(self._by_user)

    def restore(self, bindings: Iterable[Binding]) -> None:
        """Take bindings that were stored before, without reporting them as changes."""
        for binding in bindings:
            self._put(binding)

    def store(self, binding: Binding) -> None:
        """Add a binding, or replace the one with the same contact text."""
        known = self._by_user.get(binding.user_id, {}).get(binding.contact_text)
        self._put(binding)
        self._report(BindingEvent.REGISTERED if known is None else BindingEvent.REFRESHED, binding)

    def remove(self, binding: Binding, event: BindingEvent = BindingEvent.UNREGISTERED) -> None:
        """Remove a binding; nothing happens when it is gone already."""
        table = self._by_user.get(binding.user_id)
        known = table.pop(binding.contact_text, None) if table is not None else None
        if table is None or known is None:
            return
        self._size -= 1
        self._unlink(known)
        if not table:
            del self._by_user[known.user_id]
            self._user_of_aor.pop(known.aor, None)
        self._report(event, known)

    def next_expiry(self) -> float | None:
        """Return when `expire` is due at the latest, None when nothing is bound."""
        return self._timers[0][0] if self._timers else None

    def expire(self, now: float) -> None:
        """Remove what has expired by `now`."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            _, _, user_id, contact_text = heapq.heappop(timers)
            binding = self._by_user.get(user_id, {}).get(contact_text)
            if binding is not None and binding.deadline <= now:
                self.remove(binding, BindingEvent.EXPIRED)

    def connection_lost(self, flow: Flow) -> None:
        """Reach the phones of a lost connection directly from now on; forget those behind a NAT.

        They register again over a new connection; until then a call to them fails at once instead of timing out.
        """
        for user_id, contact_text in self._by_connection.pop(flow.connection, set()):
            binding = self._by_user[user_id][contact_text]
            direct = flow_without_connection(binding.contact, binding.flow)
            if direct is None:
                self.remove(binding)
            else:
                self._put(dataclasses.replace(binding, flow=direct))

    def keep_users(self, keeps: Callable[[str], bool]) -> None:
        """Remove the bindings of every user whose id `keeps` denies: deleted or disabled ones."""
        for user_id in [user_id for user_id in self._by_user if not keeps(user_id)]:
            for binding in list(self._by_user[user_id].values()):
                self.remove(binding)

    def _put(self, binding: Binding) -> None:
        table = self._by_user.setdefault(binding.user_id, {})
        known = table.get(binding.contact_text)
        if known is None:
            self._size += 1
        else:
            self._unlink(known)
            if known.aor != binding.aor:
                self._user_of_aor.pop(known.aor, None)
        table[binding.contact_text] = binding
        self._user_of_aor[binding.aor] = binding.user_id
        if binding.flow.connection:
            key = (binding.user_id, binding.contact_text)
            self._by_connection.setdefault(binding.flow.connection, set()).add(key)
        entry = (binding.deadline, next(self._order), binding.user_id, binding.contact_text)
        heapq.heappush(self._timers, entry)
        if len(self._timers) > 2 * self._size + STALE_TIMERS:
            self._rebuild_timers()

    def _unlink(self, binding: Binding) -> None:
        keys = self._by_connection.get(binding.flow.connection)
        if keys is not None:
            keys.discard((binding.user_id, binding.contact_text))
            if not keys:
                del self._by_connection[binding.flow.connection]

    def _rebuild_timers(self) -> None:
        self._timers = [
            (binding.deadline, next(self._order), binding.user_id, binding.contact_text)
            for table in self._by_user.values()
            for binding in table.values()
        ]
        heapq.heapify(self._timers)

    def _report(self, event: BindingEvent, binding: Binding) -> None:
        for callback in self.on_change:
            callback(event, binding)
