# SPDX-License-Identifier: Apache-2.0
"""Where one SIP user is registered now, as the signaling nodes tell it, and how that is shown.

Invariant: a node that is away costs its timeout and never an exception; that nothing is known is told apart from that
no phone is registered.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.template.loader import render_to_string

from switchboard.dashboard.backends import TIMEOUT_S, Backend, configured
from switchboard.dashboard.http_client import BackendProblem, Conversation

_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="phones")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phones:
    """The phones of a user."""

    bindings: tuple[dict[str, Any], ...] = ()
    problem: str = ""
    """Why nobody knows; empty when at least one node answered."""

    @property
    def state(self) -> str:
        """One word: ``registered``, ``waiting`` or ``unknown``."""
        if self.bindings:
            return "registered"
        return "unknown" if self.problem else "waiting"


def phones_of(user_id: object, timeout_s: float = TIMEOUT_S) -> Phones:
    """Ask every node for the phones of a SIP user, at the same time."""
    nodes = configured()
    answers = list(_threads.map(lambda node: _ask(node, str(user_id), timeout_s), nodes))
    # Nodes that share their bindings all tell of the same phone.
    bindings = {str(row.get("contact")): row for rows, _ in answers for row in rows}.values()
    problems = [
        f"{node.name} {problem}" for node, (_, problem) in zip(nodes, answers, strict=True) if problem
    ]
    return Phones(
        bindings=tuple(sorted(bindings, key=lambda row: str(row.get("registered_at")), reverse=True)),
        problem="; ".join(problems) if len(problems) == len(nodes) else "",
    )


def render(phones: Phones) -> str:
    """Return the light and what it stands for, as HTML."""
    return render_to_string("phones/light.html", {"phones": phones})


def _ask(node: Backend, user_id: str, timeout_s: float) -> tuple[list[dict[str, Any]], str]:
    query = urlencode({"user_id": user_id, "limit": 50})
    try:
        with Conversation(node.url, settings.INTERNAL_API_TOKEN, timeout_s) as conversation:
            rows = conversation.ask("GET", f"/api/v1/registrations?{query}").get("registrations")
    except BackendProblem as problem:
        return [], str(problem)
    if not isinstance(rows, list):
        return [], "answers with something unexpected"
    # Asked for one user; a node that does not know the filter must not light up for another's phone.
    return [row for row in rows if isinstance(row, dict) and str(row.get("user_id")) == user_id], ""
