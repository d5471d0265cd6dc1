# SPDX-License-Identifier: Apache-2.0
"""How an RTP manager leaves: it takes no more calls, asks signaling to take those that it has, and waits a bounded time.

It must not know gRPC or signals. Invariant: it never waits longer than its grace time, whoever answers or does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from media.control.signaling_api import Answer, SignalingApi

log = logging.getLogger(__name__)

POLL_S = 0.5
FIRST_POLL_S = 0.05
DISABLED = "disabled"
ASKED = frozenset({202, 409})
"""The drain was begun, or had been begun before."""


class Departure:
    """The last minutes of an RTP manager.

    Args:
        node_id: its name.
        apis: the signaling nodes to ask; none: its calls are waited for.
        grace_s: longest time that it waits.
        sessions: returns how many sessions it has.
        clients: returns how many signaling nodes are connected.
    """

    def __init__(
        self,
        node_id: str,
        apis: Sequence[SignalingApi],
        *,
        grace_s: float,
        sessions: Callable[[], int],
        clients: Callable[[], int],
    ) -> None:
        self._node_id = node_id
        self._apis = apis
        self._grace_s = grace_s
        self._sessions = sessions
        self._clients = clients

    async def run(self) -> None:
        """Return when the RTP manager may stop."""
        if not self._sessions():
            return
        log.info("%d sessions are left; waiting up to %g s for their end", self._sessions(), self._grace_s)
        try:
            async with asyncio.timeout(self._grace_s):
                waiting = [api for api, asked in zip(self._apis, await self._ask(), strict=True) if asked]
                await self._wait(waiting)
        except TimeoutError:
            log.warning("%d sessions are cut off: the grace time is over", self._sessions())

    async def _ask(self) -> list[bool]:
        """Ask every signaling node; tell which of them agreed."""
        answers = await asyncio.gather(*(api.drain(self._node_id) for api in self._apis))
        for api, answer in zip(self._apis, answers, strict=True):
            if answer.status not in ASKED:
                log.warning("%s does not take the calls away: %s", api.url, answer.problem)
        return [answer.status in ASKED for answer in answers]

    async def _wait(self, waiting: Sequence[SignalingApi]) -> None:
        """Wait until no session is left, or nobody is there who would end one."""
        poll_s = FIRST_POLL_S
        while self._sessions():
            if not self._clients():
                log.warning("%d sessions are cut off: no signaling node is connected", self._sessions())
                return
            is_drained = bool(waiting) and all(map(_is_drained, await self._look(waiting)))
            if is_drained and self._clients() <= len(waiting):
                return
            await asyncio.sleep(poll_s)
            poll_s = min(poll_s * 2, POLL_S)

    async def _look(self, waiting: Sequence[SignalingApi]) -> list[Answer]:
        return await asyncio.gather(*(api.drain_status(self._node_id) for api in waiting))


def _is_drained(answer: Answer) -> bool:
    return answer.body.get("state") == DISABLED
