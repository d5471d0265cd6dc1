# SPDX-License-Identifier: Apache-2.0
"""Errors of the dialplan.

* ValueError
  - PatternError     a glob that cannot be read
  - TemplateError    a text with a broken or undefined variable
  - TargetError      a dial target that names nothing that can be dialled
  - FileNameError    a prompt's file name that leaves the prompt directory or is no WAV file
  - ActionError      an action that the facts of one call make impossible, found while the call runs
  - DialplanError    everything that is wrong with a route or document, found when it is saved or imported

The first four become a `DialplanProblem` when a document is read, so that a caller outside this package meets only
the last two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class PatternError(ValueError):
    """A glob cannot be read; ``str()`` says why."""


class TemplateError(ValueError):
    """A text holds a variable that is unfinished or undefined; ``str()`` names it."""


class TargetError(ValueError):
    """A dial target cannot be read; ``str()`` says why."""


class FileNameError(ValueError):
    """A prompt's file name cannot be used; ``str()`` says why."""


class ActionError(ValueError):
    """An action cannot run with the facts of this call, such as an empty number in a dial target."""

    def __init__(self, route: str, field: str, message: str) -> None:
        super().__init__(f"route {route}: {field}: {message}")
        self.route = route
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class DialplanProblem:
    """One thing that is wrong with a route or document."""

    route: str
    """Id of the route; empty when the problem concerns the document as a whole."""
    field: str
    """Path of the field, such as ``routes[0].actions[1].params.timeout``; empty for the whole document."""
    message: str
    """What is wrong and what is accepted, without the name of the field."""

    def __str__(self) -> str:
        where = [f"route {self.route}"] if self.route else []
        if self.field:
            where.append(self.field)
        return ": ".join([*where, self.message])


class DialplanError(ValueError):
    """A route or document is refused; ``errors`` lists every problem, ``str()`` has one line for each."""

    def __init__(self, errors: Iterable[DialplanProblem]) -> None:
        self.errors = list(errors)
        super().__init__("\n".join(map(str, self.errors)))
