# SPDX-License-Identifier: Apache-2.0
"""The signaling nodes of `UI_BACKENDS` and the picture that each gives of what is alive on it.

Knows neither people nor pages. Invariant: a node that is away, slow or talks nonsense yields a picture with a
problem, never an exception, and within the timeout.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.conf import settings

from switchboard.dashboard.http_client import BackendProblem, Conversation

TIMEOUT_S = 1.0
TABLES = {
    "calls": "calls",
    "registrations": "registrations",
    "dialogs": "dialogs",
    "sessions": "sessions",
    "rtpmanagers": "members",
}
"""What is asked for → the name of the list in its answer."""

_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="backends")

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One signaling node as `UI_BACKENDS` names it."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What one node said when it was last asked."""

    backend: Backend
    problem: str = ""
    """Why there is no picture, in words; empty when there is one."""
    rows: dict[str, Rows] = field(default_factory=dict)
    """Table of `TABLES` → its rows; the rows of every account."""
    taken_at: float = 0.0
    """Seconds since the epoch."""
    elapsed_ms: float = 0.0
    """How long the node took to answer."""


def configured() -> list[Backend]:
    """Return the nodes of the settings."""
    return [Backend(name=name, url=url) for name, url in settings.UI_BACKENDS]


def read(backend: Backend, timeout_s: float = TIMEOUT_S) -> Picture:
    """Ask a node for everything."""
    began = time.monotonic()
    try:
        with Conversation(backend.url, settings.INTERNAL_API_TOKEN, timeout_s) as node:
            rows = {name: _rows(node.ask("GET", f"/api/v1/{name}"), key) for name, key in TABLES.items()}
    except BackendProblem as problem:
        return Picture(backend=backend, problem=str(problem), taken_at=time.time())
    elapsed_ms = (time.monotonic() - began) * 1000
    return Picture(backend=backend, rows=rows, taken_at=time.time(), elapsed_ms=elapsed_ms)


def read_all(backends: Sequence[Backend], timeout_s: float = TIMEOUT_S) -> list[Picture]:
    """Ask nodes at the same time; in their order."""
    return list(_threads.map(lambda backend: read(backend, timeout_s), backends))


def calls_of(backend: Backend, timeout_s: float = TIMEOUT_S) -> Rows:
    """Return the calls of a node.

    Raises:
        BackendProblem: it cannot say.
    """
    with Conversation(backend.url, settings.INTERNAL_API_TOKEN, timeout_s) as node:
        return _rows(node.ask("GET", "/api/v1/calls"), "calls")


def hang_up(backend: Backend, call_uuid: str, timeout_s: float = 2 * TIMEOUT_S) -> None:
    """End a call by its uuid; a Call-ID may name several.

    Raises:
        BackendProblem: the node does not do it; status 404 when the call is over.
    """
    with Conversation(backend.url, settings.INTERNAL_API_TOKEN, timeout_s) as node:
        node.ask("DELETE", f"/api/v1/calls/{quote(call_uuid, safe='')}")


def _rows(answer: dict[str, Any], key: str) -> Rows:
    rows = answer.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BackendProblem("answers with something unexpected")
    return rows
