# SPDX-License-Identifier: Apache-2.0
"""The states of calls in Redis, for a node whose disk does not come back with it.

``call:{call_id}`` is a hash with the record and the state, ``calls:{node_id}`` the set of a node's keys; both expire
soon after the node has stopped to renew them. Invariant: a node reads and removes only what its own name is on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import structlog

from cdrs.record import CallRecord, RecordError
from cdrs.recovery import OpenCall
from signaling.calls.call import Call

if TYPE_CHECKING:
    from signaling.redis_link import RedisLink

log = structlog.get_logger("switchboard.calls")

SIGN_S: Final = 10.0
"""How often the set of a node's calls is renewed: how exactly its end is dated."""
RENEW_S: Final = 60.0
"""How often the calls themselves are."""
READ_S: Final = 2.0
BATCH: Final = 200
WRITE_BATCH: Final = 64
MOST_QUEUED: Final = 2_000
"""Commands that wait for Redis, beyond which nothing is written anew yet."""
PAUSE_S: Final = 0.05


class RedisStore:
    """The calls of one node.

    Args:
        link: to Redis.
        node_id: name of the node.
        calls: returns the calls of the node.
        describe: returns the state of a call; None: it has none now.
        away_s: how long the node may be away.
        loop: that all this runs on.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        link: RedisLink,
        node_id: str,
        *,
        calls: Callable[[], Iterable[Call]],
        describe: Callable[[Call], str | None],
        away_s: float,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._node_id = node_id
        self._index = f"calls:{node_id}"
        self._loop = loop
        self._clock = clock
        self._ttl_s = int(away_s + 2 * RENEW_S)
        self._keys: dict[str, str] = {}
        self._unsure: dict[str, str] = {}
        """Keys that were written before Redis was away and not since: it may have them yet."""
        self._calls = calls
        self._describe = describe
        self._to_renew: list[str] = []
        self._to_write: list[Call] = []
        self._renew_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to renew what is kept, and to write it anew whenever Redis may have lost it."""
        self._link.on_connect.append(self._write_all)
        self._sign()

    def stop(self) -> None:
        """Stop renewing; what is kept stays until it expires."""
        if self._timer is not None:
            self._timer.cancel()

    def put(self, record: CallRecord, state: str) -> None:
        """Keep a call."""
        key = f"call:{record.call_id}"
        fields = ("node", self._node_id, "uuid", record.id, "record", record.to_json(), "state", state)
        commands: list[tuple[str | int, ...]] = [("HSET", key, *fields), ("EXPIRE", key, self._ttl_s)]
        if record.id not in self._keys:
            self._unsure.pop(record.id, None)
            self._keys[record.id] = key
            commands += [("SADD", self._index, key), ("EXPIRE", self._index, self._ttl_s)]
        self._link.write(*commands)

    def remove(self, record: CallRecord) -> None:
        """Forget a call."""
        key = self._keys.pop(record.id, None) or self._unsure.pop(record.id, None)
        if key is not None:
            self._link.write(("DEL", key), ("SREM", self._index, key))

    def forget_earlier(self) -> None:
        """Forget what an earlier process of this node kept; what is left of it expires."""
        self._link.write(("DEL", self._index))

    async def load(self) -> list[OpenCall]:
        """Return the calls that an earlier process of this node kept; none when Redis is away."""
        found: list[OpenCall] = []
        index = await self._link.read(("SMEMBERS", self._index), ("TTL", self._index), timeout_s=READ_S)
        if index is None:
            return found
        members, ttl_s = index
        last_sign = self._clock() - max(self._ttl_s - ttl_s, 0)
        for start in range(0, len(members), BATCH):
            keys: list[Any] = members[start : start + BATCH]
            hashes = await self._link.read(*(("HGETALL", key) for key in keys), timeout_s=READ_S)
            for key, content in zip(keys, hashes or (), strict=False):
                call = self._read(content, last_sign)
                if call is not None:
                    self._keys[call.record.id] = key.decode("utf-8", "replace")
                    found.append(call)
        return found

    # --- Inside -----------------------------------------------------------------------------------------------------

    def _read(self, content: list[bytes], last_sign: float) -> OpenCall | None:
        fields = dict(zip(content[::2], content[1::2], strict=False))
        if fields.get(b"node") != self._node_id.encode():
            return None
        try:
            record = CallRecord.from_json(fields.get(b"record", b""))
            return OpenCall(record, fields.get(b"state", b"").decode("ascii"), last_sign)
        except (RecordError, UnicodeDecodeError) as error:
            log.warning("redis.unreadable_call", error=str(error))
            return None

    def _write_all(self) -> None:
        is_idle = not self._to_write
        self._unsure |= self._keys
        self._keys.clear()
        self._to_write = list(self._calls())
        if is_idle:
            self._write_some()

    def _write_some(self) -> None:
        if self._link.queued < MOST_QUEUED:
            for _ in range(min(WRITE_BATCH, len(self._to_write))):
                call = self._to_write.pop()
                state = self._describe(call)
                if state is not None:
                    self.put(call.record, state)
        if self._to_write:
            self._loop.call_later(PAUSE_S, self._write_some)

    def _sign(self) -> None:
        now = self._loop.time()
        if self._keys and self._link.connected:
            if now >= self._renew_at:
                self._renew_at = now + RENEW_S
                self._to_renew = list(self._keys)
                self._renew_some()
            self._link.write(("EXPIRE", self._index, self._ttl_s))
        self._timer = self._loop.call_later(SIGN_S, self._sign)

    def _renew_some(self) -> None:
        due = [self._to_renew.pop() for _ in range(min(BATCH, len(self._to_renew)))]
        self._link.write(*(("EXPIRE", self._keys[each], self._ttl_s) for each in due if each in self._keys))
        if self._to_renew:
            self._loop.call_later(PAUSE_S, self._renew_some)
