# SPDX-License-Identifier: Apache-2.0
"""Says what a program that sends a User-Agent is, as people call it; knows the common ones alone."""

from __future__ import annotations

import re
from typing import Final

_PROGRAMS: Final = (
    ("Edge", re.compile(r"Edg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"OPR/(\d+)")),
    ("Firefox", re.compile(r"(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"(?:Headless)?(?:Chrome|CriOS)/(\d+)")),
    ("Safari", re.compile(r"Version/(\d+)[\d.]* (?:Mobile/\S+ )?Safari/")),
    ("curl", re.compile(r"^curl/(\d+)")),
)
"""The first that is found counts: each names those below it too."""
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),  # codespell:ignore
    ("Linux", "Linux"),
)
SHOWN: Final = 60


def browser(user_agent: str) -> str:
    """Return a User-Agent in short, such as "Chrome 126 on Linux"; an unknown one as it is, cut off."""
    program = next(
        (f"{name} {found[1]}" for name, form in _PROGRAMS if (found := form.search(user_agent))), ""
    )
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if not program:
        return user_agent if len(user_agent) <= SHOWN else f"{user_agent[:SHOWN]}…"
    return f"{program} on {system}" if system else program
