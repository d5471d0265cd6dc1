# SPDX-License-Identifier: Apache-2.0
"""What both ends of the stream of call records share: its names, and how it is made.

Knows NATS and no records. Invariant: nothing here gives up a message; a stream that somebody made by hand, with other
limits or replicas, is used as it is.
"""

from __future__ import annotations

from typing import Final

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError

SUBJECT: Final = "switchboard.cdr.raw"
STREAM: Final = "SWITCHBOARD_CDR"
CONSUMER: Final = "switchboard-cdr-database"
DUPLICATE_WINDOW_S: Final = 600.0
"""How long the server recognises a record that is published again; the database does so for ever."""


async def ensure_stream(stream: JetStreamContext) -> None:
    """Make the stream if it is not there.

    It keeps what nobody took and refuses new records when it is full: those wait in the journals of their nodes.

    Raises:
        nats.errors.Error: JetStream does not answer, or refuses.
    """
    try:
        await stream.stream_info(STREAM)
    except NotFoundError:
        config = StreamConfig(
            name=STREAM,
            description="Call detail records on their way into the database",
            subjects=[SUBJECT],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.NEW,
            storage=StorageType.FILE,
            duplicate_window=DUPLICATE_WINDOW_S,
        )
        try:
            await stream.add_stream(config)
        except BadRequestError:
            # Another node made it in the same moment.
            await stream.stream_info(STREAM)
