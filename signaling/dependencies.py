# SPDX-License-Identifier: Apache-2.0
"""What a node relies on beside itself, and what of it is away now.

Calls go on without any of it, so none of this makes a node unhealthy: it is shown as degraded. Invariant: asking costs
nothing and waits for nobody; each part remembers itself how it fares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

DATABASE: Final = "database"
NATS: Final = "nats"
REDIS: Final = "redis"
CDR_DELIVERY: Final = "cdr_delivery"
TLS_CERTIFICATE: Final = "tls_certificate"

Problem = Callable[[], str | None]
"""Returns one sentence on what is wrong, or None."""


class Dependencies:
    """The services of one node by name; the first of several problems of one is told."""

    def __init__(self) -> None:
        self._watched: dict[str, list[Problem]] = {}

    def watch(self, name: str, problem: Problem) -> None:
        """Ask this too from now on."""
        self._watched.setdefault(name, []).append(problem)

    def problems(self) -> dict[str, str]:
        """Return what is away: name → why, in a sentence."""
        return {name: text for name in self._watched if (text := self._problem(name))}

    def read(self) -> dict[tuple[str, ...], float]:
        """Return name → 1 when it is there, 0 when it is away."""
        return {(name,): float(self._problem(name) is None) for name in self._watched}

    def _problem(self, name: str) -> str | None:
        return next((text for ask in self._watched[name] if (text := ask())), None)
