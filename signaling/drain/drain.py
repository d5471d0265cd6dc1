# SPDX-License-Identifier: Apache-2.0
"""The drain of one RTP manager: asks its calls to move, lets a few do so at a time, and counts.

It must not know how a call moves. Invariant: the node is called disabled only when it has no session of this
signaling node any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from cdrs.record import EndReason
from signaling.calls.call import Call
from signaling.calls.events import MoveGranted, MoveMedia, Terminate
from signaling.calls.move_request import MoveOutcome, MoveRequest
from signaling.drain.status import DrainMode, DrainStatus
from signaling.mediapool import DrainState, MediaNode

log = structlog.get_logger("switchboard.drain")

AT_ONCE = 5
"""Calls that move at the same time: peers and the other RTP managers see a trickle, not a wave."""
LOOK_S = 0.2
"""How often calls that came late are looked for; all else wakes the drain."""
AGAIN_S = 1.0
"""Before a call that could not move for want of an RTP manager is asked again."""
TRIES = 3
"""After so many of them an aggressive drain ends the call."""
MAX_ERRORS = 100
"""Kept for the status; the log has all."""


class Drain:
    """One drain.

    Args:
        node: to be emptied.
        mode: what becomes of calls that cannot move.
        calls: returns all calls.
        clock: monotonic seconds.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        node: MediaNode,
        mode: DrainMode,
        *,
        calls: Callable[[], Iterable[Call]],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.node = node
        self.mode = mode
        self._calls = calls
        self._clock = clock
        self._started = clock()
        self._started_at = wall()
        self._final: DrainStatus | None = None
        self._initial = node.own_sessions
        self._asked: set[str] = set()
        self._open: dict[MoveRequest, Call] = {}
        self._ready: deque[MoveRequest] = deque()
        self._moving: set[MoveRequest] = set()
        self._refused: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._tries: dict[str, int] = {}
        self._migrated = 0
        self._failed = 0
        self._errors: list[str] = []
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Go on until the node is empty, or is not to be drained any more."""
        while self.node.drain_state is DrainState.DRAINING:
            self._changed.clear()
            self._ask()
            self._grant()
            if not self.node.own_sessions and not self._moving:
                self.node.standing.drain_state = DrainState.DISABLED
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
        self._withdraw()
        self._final = self.status()
        log.info("drain.finished", **self._final.as_dict())

    def wake(self) -> None:
        """Have `run` look at once."""
        self._changed.set()

    def status(self) -> DrainStatus:
        """Return how far it is; once it is over, how it ended."""
        if self._final is not None:
            return replace(self._final, state=self.node.drain_state)
        here = [call for call in self._calls() if _is_on(call, self.node)]
        stuck = sum(_sessions(call) for call in here if call.record.id in self._refused)
        pending = self.node.own_sessions - stuck
        total = max(self._initial, self._migrated + self._failed + pending)
        return DrainStatus(
            node_id=self.node.node_id,
            state=self.node.drain_state,
            mode=self.mode,
            total_sessions=total,
            waiting_playback=sum(_sessions(call) for call in here if call.mover.is_playing),
            migrated_count=self._migrated,
            failed_count=self._failed,
            ended_count=total - self._migrated - self._failed - pending,
            remaining_sessions=self.node.own_sessions,
            errors=tuple(self._errors),
            started_at=self._started_at,
            elapsed_seconds=round(self._clock() - self._started, 3),
        )

    # --- Steps ------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask the calls that have not been asked yet, and again those that could not move then."""
        now = self._clock()
        calls = {call.record.id: call for call in self._calls()}
        for request, call in list(self._open.items()):
            if call.record.id not in calls:
                request.finish(MoveOutcome.ENDED)
        for name, call in calls.items():
            if name in self._asked or not _is_on(call, self.node) or self._not_before.get(name, now) > now:
                continue
            request = MoveRequest(self.node, "drain", self._note)
            self._asked.add(name)
            self._open[request] = call
            call.post(MoveMedia(request))

    def _note(self, request: MoveRequest) -> None:
        """Take a request that became ready or was finished."""
        if request.outcome is None:
            self._ready.append(request)
        else:
            self._moving.discard(request)
            self._close(self._open.pop(request), request, request.outcome)
        self.wake()

    def _grant(self) -> None:
        while self._ready and len(self._moving) < AT_ONCE:
            request = self._ready.popleft()
            call = self._open.get(request)
            if call is not None:
                self._moving.add(request)
                request.is_granted = True
                call.post(MoveGranted())

    def _close(self, call: Call, request: MoveRequest, outcome: MoveOutcome) -> None:
        if outcome is MoveOutcome.MOVED:
            self._migrated += request.sessions
        elif outcome is MoveOutcome.REFUSED:
            self._give_up(call, request, request.sessions)
        elif outcome is MoveOutcome.NOT_NOW and not request.is_withdrawn:
            self._try_again(call, request)

    def _try_again(self, call: Call, request: MoveRequest) -> None:
        name = call.record.id
        tries = self._tries[name] = self._tries.get(name, 0) + 1
        if self.mode is DrainMode.AGGRESSIVE and tries >= TRIES:
            self._give_up(call, request, _sessions(call))
            return
        self._asked.discard(name)
        self._not_before[name] = self._clock() + AGAIN_S
        if tries == 1:
            self._blame(call, request)

    def _give_up(self, call: Call, request: MoveRequest, sessions: int) -> None:
        self._failed += sessions
        self._refused.add(call.record.id)
        self._blame(call, request)
        if self.mode is DrainMode.AGGRESSIVE:
            call.post(Terminate(EndReason.MEDIA_ERROR))

    def _blame(self, call: Call, request: MoveRequest) -> None:
        if request.detail and len(self._errors) < MAX_ERRORS:
            self._errors.append(f"{call.request.sip_call_id}: {request.detail}")

    def _withdraw(self) -> None:
        """Take back what was asked for and has not begun."""
        for request, call in list(self._open.items()):
            if not request.is_granted:
                request.is_withdrawn = True
                call.post(MoveGranted())


def _is_on(call: Call, node: MediaNode) -> bool:
    return call.media is not None and call.media.node is node and bool(call.media.here.ids)


def _sessions(call: Call) -> int:
    return 0 if call.media is None else len(call.media.here.ids)
