# SPDX-License-Identifier: Apache-2.0
"""Limits that hold over all nodes: each node's limiters learn through Redis what the others let pass.

A limiter decides by itself, at once (`signaling.limiter`). What it let pass is added to `ratelimit:{type}:{id}` a
moment later, and what others added since is charged to its bucket, which may then owe: so two nodes that each let a
burst pass let nothing pass for a while, and on average the limit holds. A bucket that is empty is told to all nodes by
`limits:empty`, so that who is refused by one is refused by those that it never asked. Runs on the event loop. Invariants:
nothing waits for Redis; without it each node holds its limits alone; a bucket is charged with each event of another node
once.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import math
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from signaling.limiter import CountingLimiter
from signaling.redis_link import Command, RedisLink

ROUND_S = 0.5
"""How often nodes tell each other what they let pass."""
URGENT_S = 0.05
"""The same when something rare was let pass for the first time: a failed authentication, a call."""
MOST_PER_ROUND = 500
"""Counters that are told in one round: the highest."""
MOST_KNOWN = 20_000
ANSWER_S = 1.0
MAX_ID_CHARS = 200
FREQUENT = "requests"
"""The limit whose events are too many to tell of each."""
NOT_WORTH = 0.01
"""A share of the limit per round below which a source's requests are not told: phones that behave stay out of it."""

OWED_FILLS, OWED_S = 3, 60.0
"""How much a bucket may owe for events of other nodes: so many times its own burst, and no longer than this."""
EMPTY_KEY = "limits:empty"
TOLD_MS = 10_000
"""How long it is told that a bucket became empty."""
AGAIN_S = 5.0
"""The same bucket is not told again sooner."""

_ADD = """
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
if total == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return total
"""


_TELL = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
if #ARGV > 2 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {now, redis.call('ZRANGE', KEYS[1], ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, 500)}
"""
"""Tells of buckets that became empty and returns the time of Redis in ms and those that became so since ARGV[1]."""


class _Shared(NamedTuple):
    name: str
    limiter: CountingLimiter
    ttl_s: int
    least: int
    """Fewer events in a round are not told."""

    @property
    def is_rare(self) -> bool:
        """Whether all of its events are told, and that a bucket is empty."""
        return self.name != FREQUENT

    @property
    def owed_s(self) -> float:
        """How long a bucket may owe."""
        return min(OWED_FILLS * self.limiter.fills_in_s, OWED_S)


class _Count(NamedTuple):
    shared: _Shared
    key: Hashable
    events: int


class SharedLimits:
    """The limits of one node that others hold as well.

    Args:
        link: Redis.
        now: monotonic seconds.
    """

    def __init__(self, link: RedisLink, *, now: Callable[[], float]) -> None:
        self._link = link
        self._now = now
        self._shared: list[_Shared] = []
        self._known: dict[tuple[str, Hashable], tuple[int | None, float]] = {}
        """Buckets → the last total, and until when it holds; None: what is in it of this node is not known."""
        self._urgent = asyncio.Event()
        self._to_tell: dict[str, float] = {}
        """Buckets that are empty → when that was told, 0 when it was not."""
        self._told_ms = 0
        self._task: asyncio.Task[None] | None = None

    def limiter(self, name: str, *, burst: float, per_s: float, max_keys: int) -> CountingLimiter:
        """Return a limiter whose buckets other nodes share under the same name."""
        frequent = name == FREQUENT
        limiter = CountingLimiter(
            burst=burst, per_s=per_s, max_keys=max_keys, on_first=None if frequent else self._urgent.set
        )
        least = max(1, math.ceil(burst * NOT_WORTH)) if frequent else 1
        self._shared.append(_Shared(name, limiter, math.ceil(limiter.fills_in_s) + 1, least))
        return limiter

    def start(self) -> None:
        """Begin to tell and to learn."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    # --- Inside -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(URGENT_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_S - URGENT_S):
                    await self._urgent.wait()
            self._urgent.clear()
            await self._round()

    async def _round(self) -> None:
        counts = [
            _Count(shared, key, events)
            for shared in self._shared
            for key, events in shared.limiter.collect().items()
            if events >= shared.least
        ]
        if not self._shared or not self._link.connected:
            return
        counts = heapq.nlargest(MOST_PER_ROUND, counts, key=lambda each: each.events)
        tell = self._tell()
        replies = await self._link.read(tell, *map(_command, counts), timeout_s=ANSWER_S)
        if replies is None:
            # Redis may have counted them or not: the next total tells nothing of what others let pass.
            for each in counts:
                self._known[each.shared.name, each.key] = (None, self._now() + each.shared.ttl_s)
            return
        told, *totals = replies
        self._learn(zip(counts, totals, strict=True))
        if heard := self._heard(told):
            replies = await self._link.read(*map(_command, heard), timeout_s=ANSWER_S)
            if replies is not None:
                self._learn(zip(heard, replies, strict=True))

    def _learn(self, answers: Iterable[tuple[_Count, Any]]) -> None:
        now, known = self._now(), self._known
        for (shared, key, events), total in answers:
            before, until = known.pop((shared.name, key), (0, 0.0))
            if until <= now or (before is not None and total < before + events):
                before = 0
            others = 0 if before is None else total - before - events
            known[shared.name, key] = (total, now + shared.ttl_s)
            if others > 0:
                shared.limiter.charge(key, others, now, owed_s=shared.owed_s)
            if events and shared.is_rare and not shared.limiter.has(key, now):
                self._note_empty(f"{shared.name}:{key}", now)
        for _ in range(len(known) - MOST_KNOWN):
            del known[next(iter(known))]

    def _note_empty(self, bucket: str, now: float) -> None:
        """Have all nodes told of a bucket, the first time soon."""
        if now - self._to_tell.get(bucket, float("-inf")) < AGAIN_S:
            return
        self._to_tell[bucket] = 0.0
        self._urgent.set()

    def _tell(self) -> Command:
        """Return what tells of empty buckets and asks for those of others."""
        now = self._now()
        fresh = [bucket for bucket, told in self._to_tell.items() if not told][:MOST_PER_ROUND]
        self._to_tell = {
            bucket: told or now for bucket, told in self._to_tell.items() if not told or now - told < AGAIN_S
        }
        return ("EVAL", _TELL, 1, EMPTY_KEY, self._told_ms, TOLD_MS, *fresh)

    def _heard(self, told: Any) -> list[_Count]:
        """Return the buckets that others told of, to be asked about; what this node itself told costs one question."""
        now_ms, buckets = told
        # Those of this very millisecond may not be complete.
        self._told_ms = int(now_ms)
        found = []
        for bucket in buckets:
            name, _, key = bucket.decode().partition(":")
            found += [_Count(shared, key, 0) for shared in self._shared if shared.name == name]
        return found


def _command(each: _Count) -> Command:
    key = f"ratelimit:{each.shared.name}:{str(each.key)[:MAX_ID_CHARS]}"
    return ("EVAL", _ADD, 1, key, each.events, each.shared.ttl_s)
