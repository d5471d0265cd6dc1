# SPDX-License-Identifier: Apache-2.0
"""Chooses where the journal of a signaling node is emptied to: NATS when there is one, else the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cdrs.delivery import Deliverer, Sink
from cdrs.writer import DatabaseSink


def open_outlet(journal_dir: Path, *, nats_url: str, **options: Any) -> Deliverer:
    """Return the thread that empties a journal; not started yet.

    Args:
        journal_dir: directory of the node's journal.
        nats_url: of the NATS server; empty: there is none.
        options: as for `Deliverer`.
    """
    return Deliverer(journal_dir, _jetstream(nats_url) if nats_url else DatabaseSink(), **options)


def _jetstream(url: str) -> Sink:
    # Imported here: the library is some megabytes that a node without NATS has no use for.
    from cdrs.jetstream import JetStreamSink

    return JetStreamSink(url)
