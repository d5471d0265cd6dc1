# SPDX-License-Identifier: Apache-2.0
"""Where the states of calls are kept, and which calls of an earlier process may go on.

In the CDR journal, and in Redis as well where there is one, for a node that comes back with an empty disk. Invariant:
the journal is believed before Redis.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from cdrs.journal import Journal
from cdrs.recovery import OpenCall
from signaling.calls.manager import CallManager
from signaling.pickup.keeper import JournalStore, StateKeeper
from signaling.pickup.redis_store import RedisStore
from signaling.pickup.restore import goes_on
from signaling.pickup.state import describe

if TYPE_CHECKING:
    from signaling.redis_link import RedisLink


class CallKeeping:
    """The states of the calls of a node.

    Args:
        keeper: writes them; its stores are set here.
        journal: of the node.
        calls: of the node.
        redis: None: there is none.
        node_id: the node.
        away_s: how long an earlier process may have been away for its calls to go on; 0: nothing is kept.
        loop: of the calls.
    """

    def __init__(
        self,
        keeper: StateKeeper,
        *,
        journal: Journal,
        calls: CallManager,
        redis: RedisLink | None,
        node_id: str,
        away_s: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._journal = journal
        self._away_s = away_s
        self._store: RedisStore | None = None
        if not away_s:
            return
        keeper.add(JournalStore(journal))
        if redis is not None:
            self._store = RedisStore(
                redis, node_id, calls=calls.calls.values, describe=describe, away_s=away_s, loop=loop
            )
            keeper.add(self._store)

    def goes_on(self, call: OpenCall) -> bool:
        """Tell whether a call that an earlier process left open may go on."""
        return goes_on(call, now=time.time(), max_away_s=self._away_s)

    async def left_open(self) -> list[OpenCall]:
        """Return the calls of an earlier process that may go on: from the journal; without one, from Redis."""
        found = self._journal.left_open
        if self._store is not None:
            if self._journal.is_new:
                found = [call for call in await self._store.load() if self.goes_on(call)]
            else:
                self._store.forget_earlier()
            self._store.start()
        return found

    def stop(self) -> None:
        """Keep nothing more in Redis."""
        if self._store is not None:
            self._store.stop()
