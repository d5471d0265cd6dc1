# SPDX-License-Identifier: Apache-2.0
"""Carries call records from the stream into the database: what `manage.py runcdr` runs, on any number of machines.

While one batch is stored the next one is fetched. Invariant: a message is acknowledged only after the transaction that
stored its record; one that can never be stored goes to the dead letters first. So a record that the stream has is stored
at least once, and by its id once, whoever is killed, frozen or away meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from cdrs.daemon_thread import DaemonThread
from cdrs.dead_letters import DeadLetters
from cdrs.delivery import Rejected, Sink, SinkUnavailable
from cdrs.nats_link import CONSUMER, STREAM, SUBJECT, ensure_stream
from cdrs.record import CallRecord, RecordError
from cdrs.trimmer import Trimmer
from switchboard.metrics.numbers import Readings
from switchboard.nats_link import NotConnected, connect, sentence

log = structlog.get_logger("switchboard.cdrs")

FETCH_S: Final = 2.0
"""How long a request for messages waits for the first one."""
ACK_WAIT_S: Final = 30.0
"""After so long the server gives a message that nobody acknowledged to somebody else."""
STOP_GRACE_S: Final = 5.0
"""Longest time that a stop waits for the database."""
_FIRST_BACKOFF_S: Final = 0.2
_MAX_BACKOFF_S: Final = 5.0
_NATS: Final = "NATS"
_HANGING_S: Final = 10.0
"""A database that takes longer for a batch is reported."""

_Pull = JetStreamContext.PullSubscription


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerOptions:
    """How the consumer works."""

    batch_size: int = 500
    """Most records stored in one transaction."""
    keep_stored_s: float = 3600.0
    """How long the stream keeps what every consumer has taken."""
    until_empty: bool = False
    """End when nothing more comes."""


class Consumer:
    """The durable consumer of the stream. Make it and run it once, in an event loop.

    Args:
        url: of the NATS server.
        sink: where the records go.
        dead_letters: where those go that can never be stored.
        options: how it works.
    """

    def __init__(
        self, url: str, sink: Sink, dead_letters: DeadLetters, options: ConsumerOptions = ConsumerOptions()
    ) -> None:
        self._url = url
        self._sink = sink
        self._dead_letters = dead_letters
        self._options = options
        self._thread = DaemonThread("cdr-store")
        self._stop = asyncio.Event()
        self._outages: dict[str, str] = {}
        self._storing_since: float | None = None
        self._connected = False
        self.stored = 0
        """Records that the sink took, counted again when they came again."""
        self.rejected = 0
        self.pending = 0
        """Records in the stream that nobody has stored, as NATS last said."""

    @property
    def problem(self) -> str | None:
        """One sentence on why records do not arrive, or None."""
        return "; ".join(self.problems) or None

    @property
    def problems(self) -> list[str]:
        """A sentence on each part that does not do its work."""
        return [f"{part}: {reason}" for part, reason in self._reasons().items()]

    def read(self) -> Readings:
        """Return the figures of the role."""
        away = self._reasons()
        return {
            "switchboard_cdr_stored_total": {(): self.stored},
            "switchboard_cdr_refused_total": {(): self.rejected},
            "switchboard_cdr_pending": {(): self.pending},
            "switchboard_cdr_part_up": {
                ("nats",): float(_NATS not in away),
                ("database",): float(self._sink.name not in away),
            },
        }

    def stop(self) -> None:
        """Finish the batch at hand if the database takes it, then end."""
        self._stop.set()

    async def run(self) -> None:
        """Carry records until `stop`."""
        backoff_s = _FIRST_BACKOFF_S
        while not self._stop.is_set():
            try:
                await self._serve()
                break
            except (NatsError, NotConnected, TimeoutError) as error:
                self._note_outage(_NATS, sentence(error))
            await self._pause(backoff_s)
            backoff_s = min(backoff_s * 2, _MAX_BACKOFF_S)
        closing = self._thread.run(self._sink.close)
        self._thread.end()
        await asyncio.wait([closing], timeout=STOP_GRACE_S)

    async def _serve(self) -> None:
        """Carry records over one connection, which restores itself, until there is nothing to do any more.

        Raises:
            NatsError: the stream or the consumer is not there any more.
            NotConnected: the server cannot be reached.
        """
        client = await connect(self._url, "switchboard runcdr")
        try:
            stream = client.jetstream()
            subscription = await self._subscribe(stream)
            self._connected = True
            self._note_recovery(_NATS)
            await self._carry(client, subscription, Trimmer(stream, self._options.keep_stored_s))
        finally:
            with contextlib.suppress(NatsError, TimeoutError, OSError):
                await client.flush(timeout=1)
            await client.close()

    async def _subscribe(self, stream: JetStreamContext) -> _Pull:
        await ensure_stream(stream)
        config = ConsumerConfig(
            durable_name=CONSUMER,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=max(10 * self._options.batch_size, 1000),
        )
        return await stream.pull_subscribe(SUBJECT, durable=CONSUMER, stream=STREAM, config=config)

    async def _carry(self, client: Client, subscription: _Pull, trimmer: Trimmer) -> None:
        fetched = asyncio.ensure_future(self._fetch(subscription))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            while True:
                await asyncio.wait({fetched, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if self._stop.is_set():
                    return
                messages = fetched.result()
                self._watch(client)
                if not messages and self._options.until_empty:
                    return
                fetched = asyncio.ensure_future(self._fetch(subscription))
                if messages and not await self._store(messages):
                    return
                await trimmer.trim_when_due()
        finally:
            stopped.cancel()
            await _give_back(fetched)

    async def _fetch(self, subscription: _Pull) -> list[Msg]:
        """Return the next messages, none when nothing comes for a while.

        Raises:
            NatsError: there is nothing to come from: the server lost its store.
        """
        with contextlib.suppress(TimeoutError):
            return await subscription.fetch(self._options.batch_size, timeout=FETCH_S)
        # The library takes "no such consumer" for silence.
        with contextlib.suppress(TimeoutError):
            info = await subscription.consumer_info()
            self.pending = (info.num_pending or 0) + (info.num_ack_pending or 0)
        return []

    async def _store(self, messages: Sequence[Msg]) -> bool:
        """Have the records stored, however long that takes, and acknowledge them; return False when a stop came first."""
        records = [record for message in messages if (record := self._record_of(message)) is not None]
        backoff_s = _FIRST_BACKOFF_S
        while (rejected := await self._attempt(records)) is None:
            await self._pause(backoff_s)
            if self._stop.is_set():
                return False
            backoff_s = min(backoff_s * 2, _MAX_BACKOFF_S)
        for item in rejected:
            self._reject(item.record.to_json().encode("ascii"), item.reason)
        self.stored += len(records) - len(rejected)
        for message in messages:
            await message.ack()
        self.pending = messages[-1].metadata.num_pending
        return True

    async def _attempt(self, records: list[CallRecord]) -> list[Rejected] | None:
        """Return what the sink refused for good, None when it is unavailable or hangs in the face of a stop."""
        if not records:
            return []
        self._storing_since = time.monotonic()
        stored = self._thread.run(lambda: self._sink.deliver(records))
        stopped = asyncio.ensure_future(self._stop.wait())
        waited_for: set[asyncio.Future[Any]] = {stored, stopped}
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not stored.done():
            await asyncio.wait([stored], timeout=STOP_GRACE_S)
        if not stored.done():
            return None
        self._storing_since = None
        try:
            rejected = stored.result()
        except SinkUnavailable as error:
            self._note_outage(self._sink.name, str(error))
            return None
        self._note_recovery(self._sink.name)
        return rejected

    def _record_of(self, message: Msg) -> CallRecord | None:
        try:
            return CallRecord.from_json(message.data)
        except RecordError as error:
            self._reject(message.data, str(error))
            return None

    def _reject(self, line: bytes, reason: str) -> None:
        self.rejected += 1
        self._dead_letters.add(line, reason)

    def _watch(self, client: Client) -> None:
        """Note whether the connection is there."""
        if client.is_connected:
            self._note_recovery(_NATS)
        else:
            self._note_outage(_NATS, "the connection is lost")

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until `stop`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def _reasons(self) -> dict[str, str]:
        """Return what is away: part → why."""
        away = dict(self._outages)
        if not self._connected:
            away.setdefault(_NATS, "not connected yet")
        if self._storing_since is not None and time.monotonic() - self._storing_since > _HANGING_S:
            away.setdefault(self._sink.name, "does not answer")
        return away

    def _note_outage(self, part: str, reason: str) -> None:
        if part not in self._outages:
            log.warning("CDRs wait in the stream", part=part, reason=reason)
        self._outages[part] = reason

    def _note_recovery(self, part: str) -> None:
        if self._outages.pop(part, None) is not None:
            log.info("CDRs are stored again", part=part)


async def _give_back(fetched: asyncio.Future[list[Msg]]) -> None:
    """Tell the server at once that messages which were fetched and not stored are for somebody else."""
    if not fetched.done():
        fetched.cancel()
    with contextlib.suppress(asyncio.CancelledError, NatsError, OSError):
        for message in await fetched:
            await message.nak()
