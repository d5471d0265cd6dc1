# SPDX-License-Identifier: Apache-2.0
"""One connection to Redis for everything that a signaling node shares with others.

Knows commands and replies, never what they mean. Runs on the event loop of SIP. Invariants: `write` never waits and
never raises; `read` waits no longer than it is told; memory is bounded however long Redis is away; commands reach
Redis in the order of their `write`, and those that were not confirmed are sent again, so they must be idempotent.

What is lost in spite of that (Redis came back empty, or took no writes for a while, or the queue overflowed) is for the
owners of the data to write anew, in pieces, when `on_connect` tells them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    DataError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from signaling.shared.config import RedisConfig

__all__ = ["Command", "RedisConfig", "RedisLink", "Value"]

log = structlog.get_logger("switchboard.redis")

Value = str | bytes | int | float
Command = tuple[Value, ...]
"""A command and its arguments: ``("HSET", key, field, value)``."""

GATHER_S = 0.01
"""How long writes wait for others to share their way; reads go at once, after what was written before them."""
ANSWER_S = 1.0
"""A batch that is not answered for this long means that Redis is away."""
CONNECT_S = 2.0
PING_S = 1.0
"""How often an idle connection is tried."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 2.0
STOP_S = 0.5
"""Longest time that `stop` waits for what is queued, and `start` for the first connection."""
SETTLED_S = 2.5
"""A server whose memory is full takes deletions: it is well when what is written every second was not refused for so long."""
BATCH = 256
MAX_QUEUED = 20_000
MAX_QUEUED_BYTES = 16 * 1024 * 1024
MAX_READS = 1_000


def connection_to(config: RedisConfig) -> AbstractConnection:
    """Return a connection that is not open yet and never retries by itself."""
    options: dict[str, Any] = {
        "host": config.host,
        "port": config.port,
        "password": config.password or None,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "client_name": "switchboard-signaling",
        "protocol": 2,
    }
    if config.tls_ca is None:
        return Connection(**options)
    return SSLConnection(ssl_ca_certs=str(config.tls_ca), **options)


class _Read:
    """A read that waits for its replies."""

    __slots__ = ("count", "future", "packed")

    def __init__(self, packed: list[bytes], count: int, future: asyncio.Future[list[Any] | None]) -> None:
        self.packed = packed
        self.count = count
        self.future = future

    def resolve(self, replies: list[Any] | None) -> None:
        """Hand over the replies, unless the reader has gone."""
        if not self.future.done():
            self.future.set_result(replies)


class RedisLink:
    """The connection of one node.

    Args:
        config: where Redis is.
        answer_s: how long a batch may take before Redis counts as away, in seconds.
        max_queued: most commands that wait; beyond it the oldest are dropped.
    """

    def __init__(
        self, config: RedisConfig, *, answer_s: float = ANSWER_S, max_queued: int = MAX_QUEUED
    ) -> None:
        self._config = config
        self._answer_s = answer_s
        self._max_queued = max_queued
        self._pack = connection_to(config).pack_command
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._in_flight = 0
        self._reads: list[_Read] = []
        self._due = asyncio.Event()
        self._tried = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._runner: asyncio.Task[None] | None = None
        self._away_since: float | None = None
        self._retry_s = FIRST_RETRY_S
        self._refusing = False
        self._takes_no_writes = False
        self._refused_at = 0.0
        self.connected = False
        """Whether the last batch was answered."""
        self.problem: str | None = "not connected yet"
        """Why it is away or takes no writes, None while all is well."""
        self.on_connect: list[Callable[[], None]] = []
        """Called after each connection, the first one too, when writes are taken again, and when keys were lost: Redis may
        be empty. Large state goes out in pieces."""
        self.dropped = 0
        """Commands that were dropped because too many waited."""
        self.refused = 0
        """Commands that Redis answered with an error."""
        self.written = 0
        """Commands that were confirmed."""
        self.late = 0
        """Reads that were not answered in time."""
        self.outages = 0
        """Times that a connection was lost or could not be had, each outage once."""

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self._config.host}:{self._config.port}"

    @property
    def queued(self) -> int:
        """Commands that wait; owners that write much at once keep an eye on it."""
        return len(self._queue)

    async def start(self) -> None:
        """Begin to connect; wait a moment for the first connection, and go on without it when Redis is away."""
        self._runner = asyncio.get_running_loop().create_task(self._run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._tried.wait()

    async def stop(self) -> None:
        """Write what waits, if Redis takes it at once, and disconnect."""
        if self._runner is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_S
        while self.connected and (self._queue or self._in_flight) and loop.time() < deadline:
            self._due.set()
            await asyncio.sleep(GATHER_S)
        self._runner.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._runner
        self._runner = None
        if self._timer is not None:
            self._timer.cancel()

    def write(self, *commands: Command) -> None:
        """Queue idempotent commands; costs about two microseconds each."""
        queue = self._queue
        for command in commands:
            try:
                packed = b"".join(self._pack(*command))
            except DataError as error:
                self.dropped += 1
                log.error("redis.bad_command", command=str(command[0]), error=str(error))
                continue
            queue.append(packed)
            self._queued_bytes += len(packed)
        while len(queue) > self._max_queued or self._queued_bytes > MAX_QUEUED_BYTES:
            self._queued_bytes -= len(queue.popleft())
            self.dropped += 1
        if self._timer is None and self.connected:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)

    def lost_keys(self) -> None:
        """Take an owner's word that Redis has lost what it held, without having been away, and have all write anew."""
        log.warning("redis.lost_keys", address=self.address)
        self._tell_owners()

    async def read(self, *commands: Command, timeout_s: float) -> list[Any] | None:
        """Send commands at once and return their replies (bytes, ints, lists of them, None).

        Returns None when Redis is away, does not answer within ``timeout_s``, or refuses one of them.
        """
        if not self.connected or len(self._reads) >= MAX_READS:
            return None
        packed = [chunk for command in commands for chunk in self._pack(*command)]
        waiting = _Read(packed, len(commands), asyncio.get_running_loop().create_future())
        self._reads.append(waiting)
        self._due.set()
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting.future
        except TimeoutError:
            self.late += 1
            return None

    # --- Inside -------------------------------------------------------------------------------------------------

    def _gathered(self) -> None:
        self._timer = None
        self._due.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
            except (RedisError, OSError, TimeoutError, EOFError) as error:
                self._lost(error)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)

    async def _serve(self) -> None:
        """Connect and exchange batches until Redis is away."""
        connection = connection_to(self._config)
        try:
            async with asyncio.timeout(CONNECT_S):
                await connection.connect()  # type: ignore[no-untyped-call]
                await self._ping(connection)
            self._found()
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PING_S):
                        await self._due.wait()
                self._due.clear()
                await self._exchange(connection)
                if self._queue:
                    self._gather()
        finally:
            self.connected = False
            await connection.disconnect(nowait=True)

    def _gather(self) -> None:
        if len(self._queue) >= BATCH:
            self._due.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)

    async def _exchange(self, connection: AbstractConnection) -> None:
        """Send the reads and a batch of writes, and take their replies; what fails waits for the next connection."""
        reads = [read for read in self._reads if not read.future.done()]
        self._reads = []
        queue = self._queue
        batch = [queue.popleft() for _ in range(min(len(queue), BATCH))]
        self._in_flight = len(batch)
        try:
            async with asyncio.timeout(self._answer_s):
                if not reads and not batch:
                    await self._ping(connection)
                    return
                chunks = batch + [chunk for read in reads for chunk in read.packed]
                await connection.send_packed_command(chunks, check_health=False)
                await self._confirm(connection, len(batch))
                for read in reads:
                    await self._answer(connection, read)
        except BaseException:
            queue.extendleft(reversed(batch))
            for read in reads:
                read.resolve(None)
            raise
        finally:
            self._in_flight = 0
        self._queued_bytes -= sum(map(len, batch))

    @staticmethod
    async def _ping(connection: AbstractConnection) -> None:
        await connection.send_packed_command(connection.pack_command("PING"), check_health=False)
        await connection.read_response()

    async def _answer(self, connection: AbstractConnection, read: _Read) -> None:
        replies: list[Any] | None = []
        for _ in range(read.count):
            try:
                reply = await connection.read_response()
            except ResponseError as error:
                self._refuse(error)
                replies = None
            else:
                if replies is not None:
                    replies.append(reply)
        read.resolve(replies)

    async def _confirm(self, connection: AbstractConnection, count: int) -> None:
        refused = self.refused
        for _ in range(count):
            try:
                await connection.read_response()
            except ResponseError as error:
                self._refuse(error)
        self.written += count
        if not count or refused != self.refused:
            return
        if not self._takes_no_writes:
            self._refusing = False
        elif asyncio.get_running_loop().time() - self._refused_at > SETTLED_S:
            self._refusing = self._takes_no_writes = False
            self.problem = None
            log.info("redis.takes_writes", address=self.address)
            self._tell_owners()

    def _refuse(self, error: ResponseError) -> None:
        self.refused += 1
        if _is_of_all_writes(error):
            self._takes_no_writes, self.problem = True, str(error)
            self._refused_at = asyncio.get_running_loop().time()
        if not self._refusing:
            self._refusing = True
            log.warning("redis.refused", address=self.address, error=str(error))

    def _found(self) -> None:
        loop = asyncio.get_running_loop()
        away_s = 0.0 if self._away_since is None else loop.time() - self._away_since
        log.info("redis.connected", address=self.address, away_s=round(away_s, 1))
        self.connected, self.problem = True, None
        self._away_since, self._retry_s = None, FIRST_RETRY_S
        self._takes_no_writes = False
        self._tried.set()
        self._tell_owners()
        self._due.set()

    def _tell_owners(self) -> None:
        for callback in list(self.on_connect):
            try:
                callback()
            except Exception:
                log.exception("redis.owner_failed")

    def _lost(self, error: BaseException) -> None:
        self.connected = False
        why = str(error) or ("no answer" if isinstance(error, TimeoutError) else type(error).__name__)
        self.problem = why
        reads, self._reads = self._reads, []
        for read in reads:
            read.resolve(None)
        if self._away_since is None:
            self._away_since = asyncio.get_running_loop().time()
            self.outages += 1
            log.warning("redis.away", address=self.address, error=why)
        self._tried.set()


def _is_of_all_writes(error: ResponseError) -> bool:
    """Whether no write would be taken: memory or disk is full, or another server is the one to write to."""
    return isinstance(error, OutOfMemoryError | ReadOnlyError) or str(error).startswith(
        ("MISCONF", "NOREPLICAS")
    )
