# SPDX-License-Identifier: Apache-2.0
"""Chooses where the journal of a signaling node is emptied to: NATS when there is one, else the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdrs.delivery import Deliverer, Sink
from cdrs.writer import DatabaseSink

if TYPE_CHECKING:
    from switchboard.nats_link import NatsLink


def open_outlet(journal_dir: Path, *, nats: NatsLink | None, **options: Any) -> Deliverer:
    """Return the thread that empties a journal; not started yet.

    Args:
        journal_dir: directory of the node's journal.
        nats: the connection to the NATS server; None: there is none.
        options: as for `Deliverer`.
    """
    return Deliverer(journal_dir, DatabaseSink() if nats is None else _jetstream(nats), **options)


def _jetstream(link: NatsLink) -> Sink:
    # Imported here: the library is some megabytes that a node without NATS has no use for.
    from cdrs.jetstream import JetStreamSink

    return JetStreamSink(link)
