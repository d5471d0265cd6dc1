# SPDX-License-Identifier: Apache-2.0
"""What a check finds. Invariant: whatever is not fine comes with its remedy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    detail: str
    remedy: str = ""
    """What to do; empty when all is fine."""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)


def fine(check: str, detail: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(check, Level.OK, detail)


def warning(check: str, detail: str, remedy: str) -> Finding:
    """Return a finding that deserves a word and stops nothing."""
    return Finding(check, Level.WARNING, detail, remedy)


def failure(check: str, detail: str, remedy: str) -> Finding:
    """Return a finding with which Switchboard does not work."""
    return Finding(check, Level.FAILURE, detail, remedy)
