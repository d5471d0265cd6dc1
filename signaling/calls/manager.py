# SPDX-License-Identifier: Apache-2.0
"""All calls of this node: starts them, counts them against the limits, ends them at shutdown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.call import Call
from signaling.calls.events import Terminate
from signaling.calls.failures import CallFailure
from signaling.calls.leg import Leg
from signaling.calls.originate import OriginatedCall
from signaling.calls.ports import CallRequest, CallServices, Destination
from signaling.directory import AccountInfo, UserInfo
from signaling.guard import MakeLimiter, own_limiter
from signaling.limiter import Limiter

MAX_RATED = 100_000
"""Users, and accounts, whose calls a second are counted at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCaps:
    """Most calls at once."""

    node: int
    per_user: int
    """For users that have no number of their own; 0: unlimited."""
    per_second_per_user: int = 0
    """New calls a second of one user; 0: unlimited."""
    per_second_per_account: int = 0


def leave_none(call: Call) -> bool:
    """Leave no call to a later process."""
    return False


class CallManager:
    """The calls of one node.

    Args:
        services: what calls need.
        caps: the node's limits; accounts and users bring their own.
        limiter: makes the limiters of new calls a second, which other nodes hold as well.
    """

    def __init__(self, services: CallServices, caps: CallCaps, limiter: MakeLimiter = own_limiter) -> None:
        self.calls: dict[str, Call] = {}
        self.total = 0
        self.closing = False
        self._services = services
        self._caps = caps
        self._user_rate = _rate(limiter, "user-calls", caps.per_second_per_user)
        self._account_rate = _rate(limiter, "account-calls", caps.per_second_per_account)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._per_account: Counter[str] = Counter()
        self._per_user: Counter[str] = Counter()

    def refusal(self, account: AccountInfo, caller: UserInfo) -> CallFailure | None:
        """Return why another call of this user must be refused now, or None."""
        if self.closing:
            return failures.SHUTTING_DOWN
        if len(self.calls) >= self._caps.node:
            return failures.NODE_LIMIT
        if 0 < account.max_concurrent_calls <= self._per_account[account.id]:
            return failures.ACCOUNT_LIMIT
        cap = self._caps.per_user if caller.max_concurrent_calls is None else caller.max_concurrent_calls
        if 0 < cap <= self._per_user[caller.id]:
            return failures.USER_LIMIT
        now = self._services.loop.time()
        if self._account_rate is not None and not self._account_rate.has(account.id, now):
            return failures.ACCOUNT_RATE
        if self._user_rate is not None and not self._user_rate.has(caller.id, now):
            return failures.USER_RATE
        return None

    def start(self, caller: Leg, request: CallRequest) -> Call:
        """Start a call; its leg must report to the call's ``on_leg_event``."""
        return self._run(Call(self._services, caller, request))

    def originate(self, request: CallRequest, phones: Sequence[Destination], timeout_s: float) -> Call:
        """Start a call that rings the caller's own phones first, for at most ``timeout_s`` seconds."""
        return self._run(OriginatedCall(self._services, request, phones, timeout_s))

    def adopt(self, call: Call) -> None:
        """Count a call of an earlier process among those of this one; `go_on` runs it."""
        self.calls[call.record.id] = call
        self._per_account[call.request.account.id] += 1
        self._per_user[call.request.caller.id] += 1

    def go_on(self, call: Call) -> None:
        """Run a call that was adopted."""
        task = self._services.loop.create_task(call.run())
        self._tasks[call.record.id] = task
        task.add_done_callback(lambda done: self._ended(call, done))

    def _run(self, call: Call) -> Call:
        self.total += 1
        if call.request.refusal is None:
            self._count_rate(call.request)
        self.adopt(call)
        self.go_on(call)
        return call

    def _count_rate(self, request: CallRequest) -> None:
        now = self._services.loop.time()
        if self._account_rate is not None:
            self._account_rate.take(request.account.id, now)
        if self._user_rate is not None:
            self._user_rate.take(request.caller.id, now)

    async def shut_down(self, grace_s: float, leave: Callable[[Call], bool] = leave_none) -> None:
        """Refuse new calls, hang up the running ones and wait for their records, at most ``grace_s`` seconds.

        Args:
            grace_s: see above.
            leave: tells of a call whether a later process goes on with it: it is left as it is, and nobody is told.
        """
        self.closing = True
        for call in list(self.calls.values()):
            task = self._tasks.get(call.record.id)
            if task is not None and leave(call):
                task.cancel()
            elif task is not None:
                call.post(Terminate(EndReason.UNAVAILABLE))
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace_s)

    def _ended(self, call: Call, task: asyncio.Task[None]) -> None:
        self._tasks.pop(call.record.id, None)
        self.calls.pop(call.record.id, None)
        call.notify.changed()
        _decrement(self._per_account, call.request.account.id)
        _decrement(self._per_user, call.request.caller.id)
        if not task.cancelled() and task.exception() is not None:
            call.log.error("call.task_failed", exc_info=task.exception())
        call.let_go()


def _rate(limiter: MakeLimiter, name: str, per_s: int) -> Limiter | None:
    return limiter(name, burst=per_s, per_s=per_s, max_keys=MAX_RATED) if per_s else None


def _decrement(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
