# SPDX-License-Identifier: Apache-2.0
"""Hands journalled records to NATS JetStream: the sink of a node whose records others store (`manage.py runcdr`).

A batch is published at once and then waited for, so that it costs one round trip. The connection lives in an event loop
in a thread of its own; `JetStreamSink.deliver` blocks the deliverer's thread alone. Invariant: `deliver` returns only
when JetStream has said of every record that it is stored, or that it was before: the message id is the record's id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from cdrs.delivery import Rejected, SinkUnavailable
from cdrs.nats_link import CONNECT_TIMEOUT_S, STREAM, SUBJECT, connect, ensure_stream, sentence
from cdrs.record import CallRecord

logger = logging.getLogger(__name__)

ACK_TIMEOUT_S: Final = 5.0
"""How long a batch may wait for its acknowledgements before it is published again."""
MESSAGE_ID: Final = "Nats-Msg-Id"
EXPECTED_STREAM: Final = "Nats-Expected-Stream"

_Result = TypeVar("_Result")


class JetStreamSink:
    """Publishes records to the stream; see `Sink`."""

    name = "NATS JetStream"

    def __init__(self, url: str, *, ack_timeout_s: float = ACK_TIMEOUT_S) -> None:
        """
        Args:
            url: ``nats://[user:password@]host:port``, several separated by commas.
            ack_timeout_s: how long a batch may wait for its acknowledgements.
        """
        self._url = url
        self._ack_timeout_s = ack_timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._publisher: _Publisher | None = None

    def deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        """Have the stream store the records; see `Sink.deliver`."""
        try:
            return self._run(self._deliver(records))
        except TimeoutError as error:
            raise SinkUnavailable("no answer") from error
        except (NatsError, OSError) as error:
            raise SinkUnavailable(sentence(error)) from error

    def close(self) -> None:
        """Close the connection and end the loop's thread; the sink may be used again."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                asyncio.run_coroutine_threadsafe(publisher.close(), loop).result(CONNECT_TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do something in the loop and wait for it, started on the first use."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(self._loop,), name="cdr-nats", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # --- in the loop --------------------------------------------------------------------------------------------

    async def _deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        if self._publisher is None:
            self._publisher = await _Publisher.connected(self._url)
        async with asyncio.timeout(self._ack_timeout_s):
            return await self._publisher.publish(records)


class _Publisher:
    """A connection with one subscription for all acknowledgements."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._has_stream = False
        self._waiting: set[str] = set()
        self._refused = ""
        self._done = asyncio.Event()
        self._batch = 0

    @classmethod
    async def connected(cls, url: str) -> _Publisher:
        """Return a publisher that can be used.

        Raises:
            NotConnected: the server cannot be reached.
        """
        client = await connect(url, "switchboard CDR journal")
        publisher = cls(client)
        await client.subscribe(f"{publisher._inbox}.*", cb=publisher._acknowledged)
        return publisher

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def publish(self, records: Sequence[CallRecord]) -> list[Rejected]:
        """Publish the records and wait until each is stored; return those that are too large for the server.

        Raises:
            SinkUnavailable: there is no connection, or the server refuses them now.
            TimeoutError: by `asyncio.timeout` of the caller.
        """
        if not self._client.is_connected:
            raise SinkUnavailable("no connection")
        if not self._has_stream:
            await ensure_stream(self._client.jetstream())
            self._has_stream = True
        # Acknowledgements of an earlier attempt that timed out must not count for this one.
        self._batch += 1
        self._waiting, self._refused = set(), ""
        self._done.clear()
        rejected = [
            item for number, record in enumerate(records) if (item := await self._send(number, record))
        ]
        await self._client.flush()
        if self._waiting:
            await self._done.wait()
        if self._refused:
            self._has_stream = False
            raise SinkUnavailable(self._refused)
        return rejected

    async def _send(self, number: int, record: CallRecord) -> Rejected | None:
        token = f"{self._batch}-{number}"
        headers = {MESSAGE_ID: record.id, EXPECTED_STREAM: STREAM}
        self._waiting.add(token)
        try:
            await self._client.publish(
                SUBJECT, record.to_json().encode("ascii"), reply=f"{self._inbox}.{token}", headers=headers
            )
        except MaxPayloadError:
            self._waiting.discard(token)
            return Rejected(record, "larger than a message of the NATS server may be")
        return None

    async def _acknowledged(self, message: Msg) -> None:
        """Note what the server said of one record; no stream at all answers with a status and no text."""
        token = message.subject.rpartition(".")[2]
        if token not in self._waiting:
            return
        if not message.data or b'"error"' in message.data:
            self._refused = self._refused or _refusal(message.data)
        self._waiting.discard(token)
        if not self._waiting:
            self._done.set()


def _refusal(data: bytes) -> str:
    try:
        return str(json.loads(data)["error"]["description"])
    except (ValueError, KeyError, TypeError):
        return "there is no stream"


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
