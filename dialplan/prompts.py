# SPDX-License-Identifier: Apache-2.0
"""What the dialplan wants to know of prompts, which are another room's: the port, and the checks that ask through it.

A route may name an uploaded prompt of its account, one of every account, or a file; who knows them registers with `serve`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from dialplan.engine import DialplanProblem, RouteDocument
from dialplan.engine.document import PlayAudioAction
from dialplan.engine.prompts import constant_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a name stands for."""

    words: str
    """What it is, for people."""
    problem: str = ""
    """Why it cannot be played now; empty when it can."""


class Prompts(Protocol):
    """Knows prompts by their names."""

    def find(self, account_id: Any, names: Collection[str]) -> dict[str, Found]:
        """Return what the names stand for in an account (None: in every account); unknown ones are left out."""

    def names(self, account_id: Any) -> list[str]:
        """Return what could be named there."""


class _Port:
    source: Prompts | None = None


def serve(prompts: Prompts) -> None:
    """Answer for prompts from now on."""
    _Port.source = prompts


def source() -> Prompts | None:
    """Return who knows prompts, if anybody does."""
    return _Port.source


def played(route: RouteDocument) -> Iterator[tuple[int, str]]:
    """Yield the index and the name of each prompt that a route plays in every call."""
    for index, action in enumerate(route.actions):
        if isinstance(action, PlayAudioAction) and (name := constant_name(action.params.file)) is not None:
            yield index, name


def problems(routes: Iterable[RouteDocument], account_id: Any, *, prefix: str = "") -> list[DialplanProblem]:
    """Return a problem for each prompt that does not exist.

    Args:
        routes: of one scope.
        account_id: the scope; None for routes of every account.
        prefix: path of the routes in their document, with ``{}`` for the index; empty for a single route.
    """
    known = source()
    if known is None:
        return []
    asked = [(number, route, *play) for number, route in enumerate(routes) for play in played(route)]
    found = known.find(account_id, {name for *_, name in asked}) if asked else {}
    return [
        DialplanProblem(
            route=route.id,
            field=f"{prefix.format(number)}actions[{index}].params.file",
            message=_message(known, account_id, name),
        )
        for number, route, index, name in asked
        if name not in found
    ]


def _message(known: Prompts, account_id: Any, name: str) -> str:
    near = difflib.get_close_matches(name, known.names(account_id), n=1)
    missing = (
        f"the account has no prompt {name!r}"
        if account_id
        else f"no prompt {name!r} is there for every account"
    )
    return missing + (f"; is {near[0]!r} meant?" if near else "")
