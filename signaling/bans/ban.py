# SPDX-License-Identifier: Apache-2.0
"""One ban, as a plain value: what the table, the keeper and the block list hand to each other."""

from __future__ import annotations

from typing import NamedTuple


class Ban(NamedTuple):
    """A network from which nothing is read."""

    network: str
    """As `networks.canonical` writes it."""
    reason: str
    """In words, for people."""
    automatic: bool
    """Whether a node decided it by itself."""
    banned_by: str
    """A login, ``manage.py``, or the name of the node that decided it."""
    banned_at: float
    """Seconds since the epoch."""
    expires_at: float | None
    """Seconds since the epoch; None: it stands until somebody lifts it."""
