# SPDX-License-Identifier: Apache-2.0
"""Has the state of calls written to the stores: soon after the answer, and soon after each change.

A call that ends sooner than that is never written, and changes in quick succession are written once. It must not
know what a state holds. Invariant: what is written of a call was true when it was written, and nothing is written of
a call after its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from cdrs.journal import Journal
from cdrs.record import CallRecord
from signaling.calls.call import Call

DELAY_S = 0.5
"""How old what is kept of a call may be: most changes come in groups, and short calls cost nothing."""
BATCH = 64
"""Most calls that are written without a look at anything else."""
PAUSE_S = 0.005


class StateStore(Protocol):
    """A place for the states of calls. No method waits or raises."""

    def put(self, record: CallRecord, state: str) -> None:
        """Keep the state of a call instead of what was kept of it before."""

    def remove(self, record: CallRecord) -> None:
        """Forget a call, which may not be known."""


class JournalStore:
    """Keeps states in the CDR journal, where the end of a call ends them too.

    Args:
        journal: of the node.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def put(self, record: CallRecord, state: str) -> None:
        """Note the state."""
        self._journal.call_state(record.id, state)

    def remove(self, record: CallRecord) -> None:
        """Do nothing: the end of the call is noted in any case."""


class StateKeeper:
    """Keeps the states of the calls of a node.

    Args:
        loop: of the calls.
        describe: returns the state of a call; None: it has none now.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        describe: Callable[[Call], str | None],
    ) -> None:
        self._loop = loop
        self._stores: list[StateStore] = []
        self._describe = describe
        self._due: dict[Call, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, store: StateStore) -> None:
        """Keep states in one more place, after those that were added before; without any, nothing is kept."""
        self._stores.append(store)

    def changed(self, call: Call) -> None:
        """Have the state of a call written soon."""
        if not self._stores:
            return
        self._due[call] = None
        if self._timer is None:
            self._timer = self._loop.call_later(DELAY_S, self._write_some)

    def ended(self, call: Call) -> None:
        """Forget a call."""
        self._due.pop(call, None)
        for store in self._stores:
            store.remove(call.record)

    def write(self, call: Call) -> bool:
        """Write the state of a call now; tell whether it has one."""
        self._due.pop(call, None)
        state = self._describe(call) if self._stores else None
        if state is None:
            return False
        for store in self._stores:
            store.put(call.record, state)
        return True

    def _write_some(self) -> None:
        self._timer = None
        due = self._due
        for call in [call for call, _ in zip(due, range(BATCH), strict=False)]:
            self.write(call)
        if due:
            self._timer = self._loop.call_later(PAUSE_S, self._write_some)
