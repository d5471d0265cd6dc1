# SPDX-License-Identifier: Apache-2.0
"""The signaling nodes of `UI_BACKENDS` and the picture that each gives of what is alive on it.

Knows neither people nor pages. Invariant: a node that is away, slow or talks nonsense yields a picture with a
problem, never an exception, and within the timeout.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from django.conf import settings

from switchboard.dashboard.http_client import BackendProblem, Conversation, in_words

TIMEOUT_S = 1.0
PULSE = "rtpmanagers"
"""The table whose rows change without an event; it is small, and its answer shows that the node lives."""
TABLES = {
    "calls": "calls",
    "registrations": "registrations",
    "dialogs": "dialogs",
    "sessions": "sessions",
    PULSE: "members",
}
"""What is asked for → the name of the list in its answer."""
COUNTING = ("duration_seconds", "expires")
"""Fields that differ at every look; the page counts by itself."""
UNWELL = 503

_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="backends")
_versions = itertools.count(1)

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
    warnings: tuple[str, ...] = ()
    """What keeps the node from taking calls, in words."""
    degraded: tuple[str, ...] = ()
    """What it does without meanwhile, in words."""
    rows: dict[str, Rows] = field(default_factory=dict)
    """Table of `TABLES` → its rows; the rows of every account."""
    elapsed_ms: float = field(default=0.0, compare=False)
    """How long the node took to answer."""
    version: int = field(default_factory=lambda: next(_versions), compare=False)
    """Another one for each picture that shows something else."""

    @property
    def said(self) -> tuple[object, ...]:
        """What is shown of it."""
        return self.problem, self.warnings, self.degraded, self.rows


def configured() -> list[Backend]:
    """Return the nodes of the settings."""
    return [Backend(name=name, url=url) for name, url in settings.UI_BACKENDS]


def executor() -> ThreadPoolExecutor:
    """Return the threads in which nodes are asked."""
    return _threads


def read(
    backend: Backend,
    tables: Collection[str] = TABLES,
    before: Picture | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Picture:
    """Ask a node for tables.

    Args:
        backend: the node.
        tables: what is asked for.
        before: the last picture of the node, from which the other tables are kept.
        timeout_s: for all of it.
    """
    began = time.monotonic()
    try:
        with Conversation(backend.url, settings.INTERNAL_API_TOKEN, timeout_s) as node:
            rows = {} if before is None else dict(before.rows)
            for name in tables:
                rows[name] = _rows(node.ask("GET", f"/api/v1/{name}"), TABLES[name])
            warnings, degraded = ((), ()) if before is None else (before.warnings, before.degraded)
            if PULSE in tables:
                _add_drains(node, rows[PULSE])
                health = node.ask("GET", "/api/v1/health", fine=(UNWELL,))
                warnings, degraded = _details(health, "problems"), _details(health, "degraded")
    except BackendProblem as problem:
        return _unless_same(Picture(backend=backend, problem=_said(problem)), before)
    elapsed_ms = (time.monotonic() - began) * 1000
    picture = Picture(backend=backend, rows=rows, warnings=warnings, degraded=degraded, elapsed_ms=elapsed_ms)
    return _unless_same(picture, before)


def read_all(backends: Sequence[Backend], timeout_s: float = TIMEOUT_S) -> list[Picture]:
    """Ask nodes at the same time; in their order."""
    return list(_threads.map(lambda backend: read(backend, timeout_s=timeout_s), backends))


def rows_of(backend: Backend, table: str, timeout_s: float = TIMEOUT_S) -> Rows:
    """Return one table of a node.

    Raises:
        BackendProblem: it cannot say.
    """
    with Conversation(backend.url, settings.INTERNAL_API_TOKEN, timeout_s) as node:
        rows = _rows(node.ask("GET", f"/api/v1/{table}"), TABLES[table])
        if table == PULSE:
            _add_drains(node, rows)
        return rows


def do(
    backend: Backend, method: str, path: str, *, person: str = "", timeout_s: float = 2 * TIMEOUT_S
) -> dict[str, Any]:
    """Have a node do something for a person and return what it says.

    Raises:
        BackendProblem: it does not do it.
    """
    with Conversation(backend.url, settings.INTERNAL_API_TOKEN, timeout_s, person) as node:
        return node.ask(method, f"/api/v1/{path}")


def hang_up(backend: Backend, call_uuid: str, person: str = "") -> None:
    """End a call by its uuid; a Call-ID may name several.

    Raises:
        BackendProblem: the node does not do it; status 404 when the call is over.
    """
    do(backend, "DELETE", f"calls/{quote(call_uuid, safe='')}", person=person)


def record(backend: Backend, call_uuid: str, *, is_wanted: bool, person: str = "") -> str:
    """Record a call from now on, or no longer; return what the node says.

    Raises:
        BackendProblem: the node does not do it; status 404 when the call is over.
    """
    path = f"calls/{quote(call_uuid, safe='')}/recording"
    return str(do(backend, "POST" if is_wanted else "DELETE", path, person=person).get("message", ""))


def drain(backend: Backend, node_id: str, mode: str, person: str = "") -> None:
    """Have an RTP manager emptied.

    Raises:
        BackendProblem: the node does not do it.
    """
    do(backend, "POST", f"{_drain_path(node_id)}?mode={quote(mode)}", person=person)


def end_drain(backend: Backend, node_id: str, person: str = "") -> None:
    """Let an RTP manager take calls again.

    Raises:
        BackendProblem: the node does not do it.
    """
    do(backend, "DELETE", _drain_path(node_id), person=person)


def _drain_path(node_id: str) -> str:
    return f"{PULSE}/{quote(node_id, safe='')}/drain"


def _said(problem: BackendProblem) -> str:
    """Return why a node gave no picture; what it refused is told with the status, which nobody asked for by hand."""
    text = str(problem)
    return (
        in_words(problem.status, text) if problem.status >= 400 and not text.startswith("answers") else text
    )


def _add_drains(node: Conversation, rows: Rows) -> None:
    """Tell with each RTP manager that is not in use how its drain goes."""
    for row in rows:
        if row.get("drain_state", "active") != "active":
            row["drain"] = node.ask("GET", f"/api/v1/{_drain_path(str(row.get('node_id')))}")


def _details(health: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return the sentences of a list of the health."""
    found = health.get(name)
    if not isinstance(found, list):
        return ()
    return tuple(_sentence(each) for each in found if isinstance(each, dict))


def _sentence(each: dict[str, Any]) -> str:
    service, detail = each.get("service"), str(each.get("detail", ""))
    return f"{service} is away ({detail})" if service else detail


def _rows(answer: dict[str, Any], key: str) -> Rows:
    rows = answer.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BackendProblem("answers with something unexpected")
    for row in rows:
        for name in COUNTING:
            row.pop(name, None)
    return rows


def _unless_same(picture: Picture, before: Picture | None) -> Picture:
    """Return the picture, with the version of the last one when it shows the same."""
    if before is None or picture.said != before.said:
        return picture
    return replace(before, elapsed_ms=picture.elapsed_ms)
