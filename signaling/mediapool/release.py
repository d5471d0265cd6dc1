# SPDX-License-Identifier: Apache-2.0
"""Releases media sessions together: those of calls that end within a few milliseconds share one request batch.

A release is the one request of a call that nobody waits for with a phone at the ear, and a batch costs both ends a
tenth of a millisecond whatever is in it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence

from media.control.gen import rtpmanager_pb2 as pb
from signaling.mediapool.batches import MAX_BATCH_REQUESTS, Result
from signaling.mediapool.node import MediaNode

GATHER_S = 0.03
"""How long a release waits for company. A phone repeats its BYE after 0.5 s (timer E, RFC 3261 17.1.2.2)."""

WAIT_S = 1.0
"""Longest time that the end of a call waits for the counters of its sessions."""

Waiting = tuple[Sequence[str], asyncio.Future[list[Result]]]
"""Sessions to release, and who waits for their counters."""


class Releaser:
    """Gathers the releases of one node."""

    def __init__(self, node: MediaNode) -> None:
        # The node outlives its releaser: it is the key that the releaser is found by.
        self._node = weakref.proxy(node)
        self._waiting: list[Waiting] = []

    def release(self, session_ids: Sequence[str]) -> asyncio.Future[list[Result]]:
        """Destroy sessions soon; see the function `release`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Result]] = loop.create_future()
        if not self._waiting:
            loop.call_later(GATHER_S, self._send, loop)
        self._waiting.append((session_ids, future))
        return future

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        # One timer for all of them, which is let run: it finds nothing to do when they have been answered.
        loop.call_later(WAIT_S, _give_up, [future for _, future in waiting])
        while waiting:
            count = _fitting(waiting)
            self._execute(waiting[:count])
            del waiting[:count]

    def _execute(self, waiting: list[Waiting]) -> None:
        requests = [pb.DestroySessionRequest(session_id=each) for ids, _ in waiting for each in ids]
        asked = self._node.execute(*requests)
        asked.add_done_callback(lambda done: _share(waiting, done))


def _fitting(waiting: list[Waiting]) -> int:
    """Return how many of the first ones fit into a batch, which is not split: at least one."""
    requests = 0
    for count, (ids, _) in enumerate(waiting):
        requests += len(ids)
        if requests > MAX_BATCH_REQUESTS and count:
            return count
    return len(waiting)


def _share(waiting: list[Waiting], done: asyncio.Future[list[Result]]) -> None:
    results = [] if done.cancelled() else done.result()
    position = 0
    for ids, future in waiting:
        mine = results[position : position + len(ids)]
        position += len(ids)
        if not future.done():
            future.set_result(mine)


def _give_up(futures: Sequence[asyncio.Future[list[Result]]]) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(TimeoutError())


_releasers: weakref.WeakKeyDictionary[MediaNode, Releaser] = weakref.WeakKeyDictionary()


def release(node: MediaNode, session_ids: Sequence[str]) -> asyncio.Future[list[Result]]:
    """Destroy sessions of a node together with those that others release in the next 30 ms.

    The future has their counters, or a MediaError for each, in order; or it raises TimeoutError after `WAIT_S`.
    """
    releaser = _releasers.get(node)
    if releaser is None:
        releaser = _releasers[node] = Releaser(node)
    return releaser.release(session_ids)
