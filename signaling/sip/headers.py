# SPDX-License-Identifier: Apache-2.0
"""The header fields of one message: an ordered multimap with typed values parsed on demand.

Knows names and lines, not what a message needs. Invariants: names are canonical (compact forms folded, RFC 3261
7.3.3), so one lookup sees every spelling; no value holds a line end. Lines of one name keep their order; the
order between different names carries no meaning (RFC 3261 7.3.1) and is that of first appearance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from signaling.sip.errors import LocalProtocolError
from signaling.sip.grammar import TOKEN, split_outside
from signaling.sip.names import CANONICAL_NAMES
from signaling.sip.values import CSeq, NameAddr, Via

__all__ = ["CSeq", "Headers", "NameAddr", "Via", "canonical_name"]


def canonical_name(name: str) -> str | None:
    """Return the canonical spelling of a header name in any case or compact form, None when it is no token."""
    known = CANONICAL_NAMES.get(name)
    if known is not None:
        return known
    # Before lower(), which turns some letters outside ASCII into ASCII ones: no second spelling of a name.
    if TOKEN.fullmatch(name) is None:
        return None
    return CANONICAL_NAMES.get(name.lower()) or "-".join([part.capitalize() for part in name.split("-")])


def _name(name: str) -> str:
    known = CANONICAL_NAMES.get(name) or canonical_name(name)
    if known is None:
        raise LocalProtocolError(f"not a header name: {name!r}")
    return known


def _value(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise LocalProtocolError("a header value must not hold a line end")
    return value


class Headers:
    """Header fields by canonical name. Lookups accept any case and the compact forms."""

    __slots__ = ("fields", "memo")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self.fields: dict[str, list[str]] = {}
        """The lines by canonical name; for reading only."""
        self.memo: dict[str, Any] = {}
        """Typed values by a key of the message's choice; emptied by every change."""
        for name, value in items:
            self.add(name, value)

    @classmethod
    def from_fields(cls, fields: dict[str, list[str]]) -> Headers:
        """Take over `fields`, whose names must be canonical and whose values must be free of line ends."""
        headers = cls.__new__(cls)
        headers.fields = fields
        headers.memo = {}
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first line of `name` as written, `default` when there is none."""
        values = self.fields.get(CANONICAL_NAMES.get(name) or _name(name))
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """Return every line of `name` as written."""
        return list(self.fields.get(_name(name), ()))

    def get_list(self, name: str) -> list[str]:
        """Return the comma-separated values over all lines of `name`; empty ones are dropped.

        Raises RemoteProtocolError(400) on an open quote or angle bracket.
        """
        values: list[str] = []
        for line in self.fields.get(CANONICAL_NAMES.get(name) or _name(name), ()):
            if "," in line:
                values.extend(part for part in split_outside(line, ",") if part)
            elif line:
                values.append(line)
        return values

    def add(self, name: str, value: str) -> None:
        """Append a line; raise LocalProtocolError on a bad name or a line end in `value`."""
        if "\r" in value or "\n" in value:
            raise LocalProtocolError("a header value must not hold a line end")
        name = CANONICAL_NAMES.get(name) or _name(name)
        if name in self.fields:
            self.fields[name].append(value)
        else:
            self.fields[name] = [value]
        self.memo.clear()

    def prepend(self, name: str, value: str) -> None:
        """Put a line before the others of `name`, such as a Via or a Record-Route; errors as `add`."""
        name = _name(name)
        if name in self.fields:
            self.fields[name].insert(0, _value(value))
        else:
            self.fields = {name: [_value(value)], **self.fields}
        self.memo.clear()

    def set(self, name: str, value: str) -> None:
        """Replace every line of `name` with one; errors as `add`."""
        if "\r" in value or "\n" in value:
            raise LocalProtocolError("a header value must not hold a line end")
        self.fields[CANONICAL_NAMES.get(name) or _name(name)] = [value]
        self.memo.clear()

    def set_all(self, name: str, values: Iterable[str]) -> None:
        """Replace every line of `name` with the given ones, none of them removing it; errors as `add`."""
        lines = [_value(value) for value in values]
        if lines:
            self.fields[_name(name)] = lines
        else:
            self.fields.pop(_name(name), None)
        self.memo.clear()

    def remove(self, name: str) -> None:
        """Drop every line of `name`, if any."""
        self.fields.pop(_name(name), None)
        self.memo.clear()

    def items(self) -> list[tuple[str, str]]:
        """Return (canonical name, line) pairs in order."""
        return [(name, value) for name, values in self.fields.items() for value in values]

    def copy(self) -> Headers:
        """Return an independent copy."""
        headers = Headers.from_fields({name: values[:] for name, values in self.fields.items()})
        headers.memo = self.memo.copy()
        return headers

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and canonical_name(name) in self.fields

    def __len__(self) -> int:
        return sum(map(len, self.fields.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"
