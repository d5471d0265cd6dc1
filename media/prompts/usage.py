# SPDX-License-Identifier: Apache-2.0
"""Which prompts routes play, and what a name in a route stands for. The one place that knows the order of names.

A route's name means, in this order: the prompt of the caller's account, the prompt of every account, a file of the
product or of ``AUDIO_PATH``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q

from dialplan.models import Route
from dialplan.prompts import Found
from media.models import Prompt, Status

SUFFIX = ".wav"


class StoredPrompts:
    """Answers the dialplan's questions from the tables."""

    def find(self, account_id: Any, names: Collection[str]) -> dict[str, Found]:
        """Return what the names stand for in an account; unknown ones are left out."""
        found = {name: Found(words=f"the file {name}") for name in names if is_file(name)}
        rows = Prompt.objects.filter(Q(account=account_id) | Q(account=None), name__in=list(names))
        # Those of the account last: they win.
        for prompt in sorted(rows, key=lambda row: row.account_id is not None):
            found[prompt.name] = Found(words=_words(prompt), problem=_problem(prompt))
        return found

    def names(self, account_id: Any) -> list[str]:
        """Return the prompts that could be named in an account, and the product's files."""
        rows = Prompt.objects.filter(Q(account=account_id) | Q(account=None)).values_list("name", flat=True)
        return [*rows, *(path.name for path in _builtin().glob(f"*{SUFFIX}"))]


def routes_playing(prompt: Prompt) -> list[Route]:
    """Return the routes that would no longer find a prompt without this one."""
    return playing([prompt]).get(prompt.pk, [])


def playing(prompts: Iterable[Prompt]) -> dict[Any, list[Route]]:
    """Return for each prompt that is needed by routes which ones these are."""
    by_name: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        by_name.setdefault(prompt.name, []).append(prompt)
    if not by_name:
        return {}
    own = set(Prompt.objects.filter(name__in=by_name).exclude(account=None).values_list("account_id", "name"))
    found: dict[Any, list[Route]] = {}
    for route in Route.objects.filter(Q(account__in=_accounts(by_name)) | _everywhere(by_name)).order_by(
        "id"
    ):
        for name in names_in(route.actions):
            for prompt in by_name.get(name, ()):
                mine = prompt.account_id == route.account_id
                # A shared prompt serves the routes of every account that has no prompt of that name itself.
                lent = prompt.account_id is None and (route.account_id, name) not in own
                if (mine or lent) and route not in found.setdefault(prompt.pk, []):
                    found[prompt.pk].append(route)
    return {pk: routes for pk, routes in found.items() if routes}


def names_in(actions: Any) -> set[str]:
    """Return the names that a route's actions play, as they are written."""
    if not isinstance(actions, list):
        return set()
    params = [
        one.get("params") for one in actions if isinstance(one, dict) and one.get("type") == "play_audio"
    ]
    return {one["file"] for one in params if isinstance(one, dict) and isinstance(one.get("file"), str)}


def is_file(name: str) -> bool:
    """Return whether a name is that of a file that RTP managers have, as far as can be known here."""
    if not name.lower().endswith(SUFFIX):
        return False
    if settings.AUDIO_FILES_ELSEWHERE:
        return True
    for root in (Path(settings.AUDIO_PATH), _builtin()):
        path = (root / name).resolve()
        if path.is_relative_to(root.resolve()) and path.is_file():
            return True
    return False


def _accounts(by_name: dict[str, list[Prompt]]) -> set[Any]:
    return {prompt.account_id for prompts in by_name.values() for prompt in prompts if prompt.account_id}


def _everywhere(by_name: dict[str, list[Prompt]]) -> Q:
    """Return the condition that adds the routes which a shared prompt serves."""
    shared = any(prompt.account_id is None for prompts in by_name.values() for prompt in prompts)
    return ~Q(pk=None) if shared else Q(pk=None)


def _builtin() -> Path:
    return Path(settings.BASE_DIR) / "media" / "audio"


def _words(prompt: Prompt) -> str:
    whose = "of the account" if prompt.account_id else "of every account"
    return f"the prompt {prompt.name} {whose} ({prompt.duration_ms / 1000:.1f} s)"


def _problem(prompt: Prompt) -> str:
    if prompt.playable:
        return ""
    if prompt.status == Status.FAILED:
        return f"the prompt {prompt.name} could not be converted: {prompt.error}"
    return f"the prompt {prompt.name} is still being converted"
