# SPDX-License-Identifier: Apache-2.0
"""Hands journalled records to NATS JetStream: the sink of a node whose records others store (`manage.py runcdr`).

A batch is published at once and then waited for, so that it costs one round trip. The connection lives in the thread
of a `NatsLink`; `JetStreamSink.deliver` blocks the deliverer's thread alone. Invariant: `deliver` returns only
when JetStream has said of every record that it is stored, or that it was before: the message id is the record's id.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from cdrs.delivery import Rejected, SinkUnavailable
from cdrs.nats_link import STREAM, SUBJECT, ensure_stream
from cdrs.record import CallRecord
from switchboard.nats_link import NatsLink, sentence

logger = logging.getLogger(__name__)

ACK_TIMEOUT_S: Final = 5.0
"""How long a batch may wait for its acknowledgements before it is published again."""
MESSAGE_ID: Final = "Nats-Msg-Id"
EXPECTED_STREAM: Final = "Nats-Expected-Stream"


class JetStreamSink:
    """Publishes records to the stream; see `Sink`."""

    name = "NATS JetStream"

    def __init__(self, nats: NatsLink | str, *, ack_timeout_s: float = ACK_TIMEOUT_S) -> None:
        """
        Args:
            nats: the process's connection, or the URL for one of its own.
            ack_timeout_s: how long a batch may wait for its acknowledgements.
        """
        self._own_link = isinstance(nats, str)
        self._link = NatsLink(nats, "switchboard CDR journal") if isinstance(nats, str) else nats
        self._ack_timeout_s = ack_timeout_s
        self._publisher: _Publisher | None = None

    def deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        """Have the stream store the records; see `Sink.deliver`."""
        try:
            return self._link.submit(self._deliver(records)).result()
        except TimeoutError as error:
            raise SinkUnavailable("no answer") from error
        except (NatsError, OSError) as error:
            raise SinkUnavailable(sentence(error)) from error

    def close(self) -> None:
        """Close the connection if it is the sink's own; the sink may be used again."""
        self._publisher = None
        if self._own_link:
            self._link.close()

    # --- in the link's loop -------------------------------------------------------------------------------------

    async def _deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        async with asyncio.timeout(self._ack_timeout_s):
            client = await self._link.client()
            if self._publisher is None or self._publisher.client is not client:
                self._publisher = await _Publisher.over(client)
            return await self._publisher.publish(records)


class _Publisher:
    """A connection with one subscription for all acknowledgements."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._inbox = client.new_inbox()
        self._has_stream = False
        self._waiting: set[str] = set()
        self._refused = ""
        self._done = asyncio.Event()
        self._batch = 0

    @classmethod
    async def over(cls, client: Client) -> _Publisher:
        """Return a publisher that can be used."""
        publisher = cls(client)
        await client.subscribe(f"{publisher._inbox}.*", cb=publisher._acknowledged)
        return publisher

    async def publish(self, records: Sequence[CallRecord]) -> list[Rejected]:
        """Publish the records and wait until each is stored; return those that are too large for the server.

        Raises:
            SinkUnavailable: the server refuses them now.
            TimeoutError: by `asyncio.timeout` of the caller.
        """
        if not self._has_stream:
            await ensure_stream(self.client.jetstream())
            self._has_stream = True
        # Acknowledgements of an earlier attempt that timed out must not count for this one.
        self._batch += 1
        self._waiting, self._refused = set(), ""
        self._done.clear()
        rejected = [
            item for number, record in enumerate(records) if (item := await self._send(number, record))
        ]
        await self.client.flush()
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
            await self.client.publish(
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
