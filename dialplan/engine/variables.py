# SPDX-License-Identifier: Apache-2.0
"""Variables in the text of actions: ``${destination}``, ``${caller_id}``, ``${caller_name}``, ``${call_id}``.

There is no escape: a dollar sign that is not followed by ``{`` stands for itself.
"""

from __future__ import annotations

from typing import NamedTuple

from dialplan.engine.errors import TemplateError


class CallFacts(NamedTuple):
    """What is known of a call when its route is picked; the field names are the names of the variables."""

    destination: str
    """The dialled number."""
    caller_id: str = ""
    """The caller's extension or number."""
    caller_name: str = ""
    """The caller's display name."""
    call_id: str = ""
    """SIP Call-ID of the caller's leg."""


VARIABLES: tuple[str, ...] = CallFacts._fields


class Template:
    """A text with variables, read once and filled in for each call."""

    __slots__ = ("_fields", "_literals", "text")

    def __init__(self, text: str) -> None:
        """Read the text.

        Raises:
            TemplateError: a variable is not closed or not one of `VARIABLES`.
        """
        self.text = text
        self._literals: list[str] = []
        self._fields: list[int] = []
        rest = text
        while True:
            literal, opening, rest = rest.partition("${")
            self._literals.append(literal)
            if not opening:
                return
            name, closing, rest = rest.partition("}")
            if not closing:
                raise TemplateError("a variable is opened by ${ and never closed by }")
            if name not in VARIABLES:
                known = ", ".join(f"${{{variable}}}" for variable in VARIABLES)
                raise TemplateError(f"${{{name}}} is no variable; there are {known}")
            self._fields.append(VARIABLES.index(name))

    @property
    def constant(self) -> bool:
        """Whether the text holds no variable."""
        return not self._fields

    def values(self, facts: CallFacts) -> list[str]:
        """Return what the variables of the text stand for, in their order."""
        return [facts[field] for field in self._fields]

    def fill(self, facts: CallFacts) -> str:
        """Return the text with the variables filled in."""
        parts = [self._literals[0]]
        for literal, field in zip(self._literals[1:], self._fields, strict=True):
            parts += (facts[field], literal)
        return "".join(parts)


def substitute(text: str, facts: CallFacts) -> str:
    """Return ``text`` with its variables filled in.

    Raises:
        TemplateError: a variable is not closed or undefined.
    """
    return Template(text).fill(facts)
