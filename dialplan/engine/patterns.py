# SPDX-License-Identifier: Apache-2.0
"""Globs on the dialled number: ``*`` any run of characters, ``?`` any one, ``[2-4]`` one of, ``[!0]`` none of.

A feature code's star is written ``[*]97``. Case counts, as in the user part of a SIP URI (RFC 3261 section 19.1.4).
A glob is read into single-character classes and the places between them where any run of characters may stand; a
match steps through the number once with the set of states that are possible so far, so that its time is bounded by
pattern length times number length whatever the pattern. No regular expression sees a number from the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dialplan.engine.errors import PatternError

MAX_PATTERN_LENGTH = 128
MAX_NUMBER_LENGTH = 128
"""A longer number matches nothing; E.164 ends at 15 digits and a SIP user name in this product at 64."""


class CharClass(NamedTuple):
    """What one character of a number may be: one of ``chars``, or none of them when ``negated``."""

    chars: frozenset[str]
    negated: bool
    text: str

    def accepts(self, char: str) -> bool:
        """Return whether the character belongs to the class."""
        return (char in self.chars) is not self.negated


ANY = CharClass(frozenset(), True, "?")


class Glob(NamedTuple):
    """A glob that was read: state i means that ``tokens[:i]`` are matched; a state in ``loops`` may stay on any
    character, which is what ``*`` means."""

    text: str
    tokens: tuple[CharClass, ...]
    loops: frozenset[int]

    @property
    def literal(self) -> str | None:
        """The one number that the glob matches, or None when it may match several."""
        if self.loops or any(token.negated or len(token.chars) != 1 for token in self.tokens):
            return None
        return "".join(char for token in self.tokens for char in token.chars)

    def matches(self, number: str) -> bool:
        """Return whether the whole number matches."""
        return self.why_not(number) is None

    def why_not(self, number: str) -> str | None:
        """Return in words where the number leaves the pattern, or None when it matches."""
        if len(number) > MAX_NUMBER_LENGTH:
            return f"the number is longer than {MAX_NUMBER_LENGTH} characters"
        states = {0}
        for position, char in enumerate(number, start=1):
            following = {state for state in states if state in self.loops}
            following |= {s + 1 for s in states if s < len(self.tokens) and self.tokens[s].accepts(char)}
            if not following:
                return self._mismatch(states, position, char)
            states = following
        if len(self.tokens) in states:
            return None
        return f"the number ends where {self._expected(states)} is expected"

    def _mismatch(self, states: Iterable[int], position: int, char: str) -> str:
        expected = self._expected(states)
        if not expected:
            return f"the pattern ends before character {position} ({char})"
        return f"character {position} is {char}, not {expected}"

    def _expected(self, states: Iterable[int]) -> str:
        texts = {self.tokens[state].text for state in states if state < len(self.tokens)}
        return " or ".join(sorted("any character" if text == "?" else text for text in texts))


def parse_pattern(text: str) -> Glob:
    """Read a glob.

    Raises:
        PatternError: it is empty, too long, holds a space or a character outside printable ASCII, or a class in it
            is unfinished, empty or has a range that runs backwards.
    """
    _check_characters(text)
    tokens: list[CharClass] = []
    loops: set[int] = set()
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "*":
            loops.add(len(tokens))
        elif char == "?":
            tokens.append(ANY)
        elif char == "[":
            end = text.find("]", position)
            if end < 0:
                raise PatternError(f"the [ at character {position} is never closed")
            tokens.append(_parse_class(text[position:end]))
            position = end + 1
        elif char == "]":
            raise PatternError(f"the ] at character {position} was never opened")
        else:
            tokens.append(CharClass(frozenset(char), False, char))
    return Glob(text, tuple(tokens), frozenset(loops))


def _check_characters(text: str) -> None:
    if not text:
        raise PatternError("a pattern is required; * matches every number")
    if len(text) > MAX_PATTERN_LENGTH:
        raise PatternError(f"a pattern has at most {MAX_PATTERN_LENGTH} characters")
    for position, char in enumerate(text, start=1):
        if not "!" <= char <= "~":
            raise PatternError(f"character {position} ({char!r}) cannot stand in a pattern")


def _parse_class(body: str) -> CharClass:
    negated = body.startswith("!")
    rest = body[1:] if negated else body
    if not rest:
        raise PatternError(f"[{body}] names no character")
    chars: set[str] = set()
    position = 0
    while position < len(rest):
        first = rest[position]
        if rest[position + 1 : position + 2] == "-" and position + 2 < len(rest):
            last = rest[position + 2]
            if last < first:
                raise PatternError(f"the range {first}-{last} in [{body}] runs backwards")
            chars.update(map(chr, range(ord(first), ord(last) + 1)))
            position += 3
        else:
            chars.add(first)
            position += 1
    return CharClass(frozenset(chars), negated, f"[{body}]")
