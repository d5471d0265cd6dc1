# SPDX-License-Identifier: Apache-2.0
"""The parts of the dashboard as HTML, the same for the first page and for its updates.

Templates escape everything. What is rendered for one set of rights is kept while the pictures are the same, so that
many open pages of people with the same rights cost one rendering. Invariant: of what was rendered of former pictures
nothing is kept, which would be hundreds of kilobytes each with hundreds of calls.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string

from accounts.choices import Permission
from accounts.tenancy import Access
from switchboard.dashboard.backends import Picture
from switchboard.dashboard.board import board
from switchboard.dashboard.chart import chart
from switchboard.dashboard.history import History, history

PARTS = (
    "cards",
    "backends",
    "calls",
    "chart",
    "failures",
    "rtpmanagers",
    "registrations",
    "dialogs",
    "sessions",
)
_MAX_KEPT = 64

Fragments = dict[str, str]


def fragments(pictures: Sequence[Picture], access: Access, *, ticking: bool) -> Fragments:
    """Return part → HTML.

    Args:
        pictures: of the nodes.
        access: of the person who will see it.
        ticking: whether a script fills in durations; without, they are written.
    """
    seen = history(access)
    if not ticking:
        # A page's own look at the nodes, which nobody shares.
        return _render(pictures, access, seen, ticking)
    versions, rights = tuple(picture.version for picture in pictures), _rights(access)
    kept = _kept.get(rights)
    if kept is not None and kept[:2] == (versions, seen):
        return kept[2]
    made = _render(pictures, access, seen, ticking)
    for former in [each for each, (of, *_) in list(_kept.items()) if of != versions]:
        # Another thread may have been faster.
        _kept.pop(former, None)
    if len(_kept) >= _MAX_KEPT:
        _kept.clear()
    _kept[rights] = versions, seen, made
    return made


def _render(pictures: Sequence[Picture], access: Access, seen: History, ticking: bool) -> Fragments:
    context: dict[str, Any] = {
        "board": board(pictures, access, time.time()),
        "history": seen,
        "chart": chart(seen),
        "ticking": ticking,
    }
    return {part: render_to_string(f"dashboard/{part}.html", context) for part in PARTS}


def _rights(access: Access) -> tuple[object, ...]:
    names = (Permission.VIEW_LIVE, Permission.HANG_UP, Permission.RECORD, Permission.VIEW_CDRS)
    return (access.may(Permission.PLATFORM), *(access.accounts_with(name) for name in names))


_kept: dict[tuple[Any, ...], tuple[tuple[int, ...], History, Fragments]] = {}
"""Rights → the versions of the pictures, the history, and what was rendered of them."""
