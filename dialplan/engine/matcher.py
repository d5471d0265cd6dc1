# SPDX-License-Identifier: Apache-2.0
"""Finds the first of many globs that matches a number, in one pass over the number.

Literal numbers are looked up in a dict. All other globs are laid side by side into one bit-parallel automaton (the
shift-and method): bit s of an integer means that state s is possible, the globs stand in their order from the lowest
bit up, and one step of all of them is a handful of operations on that integer. A number is never tried against one
glob after another, and the work for a character does not depend on what the patterns look like.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dialplan.engine.patterns import MAX_NUMBER_LENGTH, CharClass, Glob

NO_RANK = 1 << 62


class PatternSet:
    """Globs in the order in which they are to be tried.

    Args:
        globs: the first one that matches wins; its place in this sequence is its rank.
    """

    __slots__ = (
        "_any",
        "_finals",
        "_first_glob",
        "_initial",
        "_literals",
        "_loops",
        "_rank_of_bit",
        "_steps",
    )

    def __init__(self, globs: Sequence[Glob]) -> None:
        self._literals: dict[str, int] = {}
        self._first_glob = NO_RANK
        self._rank_of_bit: dict[int, int] = {}
        layout = _Layout()
        for rank, glob in enumerate(globs):
            literal = glob.literal
            if literal is not None:
                self._literals.setdefault(literal, rank)
                continue
            self._first_glob = min(self._first_glob, rank)
            self._rank_of_bit[layout.add(glob)] = rank
        self._initial = layout.mask(layout.initial)
        self._finals = layout.mask(self._rank_of_bit)
        self._loops = layout.mask(layout.loops)
        self._any, self._steps = layout.steps()

    def first(self, number: str) -> int | None:
        """Return the rank of the first glob that matches the whole number, or None."""
        if len(number) > MAX_NUMBER_LENGTH:
            return None
        literal = self._literals.get(number, NO_RANK)
        rank = literal if literal < self._first_glob else min(literal, self._first_of_globs(number))
        return None if rank == NO_RANK else rank

    def _first_of_globs(self, number: str) -> int:
        states = self._initial
        loops, steps, otherwise = self._loops, self._steps, self._any
        for char in number:
            states = ((states & steps.get(char, otherwise)) << 1) | (states & loops)
            if not states:
                return NO_RANK
        accepted = states & self._finals
        if not accepted:
            return NO_RANK
        return self._rank_of_bit[(accepted & -accepted).bit_length() - 1]


class _Layout:
    """Gives every state of every glob a bit and collects which bits mean what."""

    def __init__(self) -> None:
        self.size = 0
        self.initial: list[int] = []
        self.loops: list[int] = []
        self._classes: list[tuple[int, CharClass]] = []

    def add(self, glob: Glob) -> int:
        """Lay out one glob above the ones before it; return the bit of its final state."""
        base = self.size
        self.initial.append(base)
        self.loops.extend(base + state for state in glob.loops)
        self._classes.extend((base + place, token) for place, token in enumerate(glob.tokens))
        self.size = base + len(glob.tokens) + 1
        return base + len(glob.tokens)

    def mask(self, bits: Iterable[int]) -> int:
        """Return the integer in which exactly these bits are set."""
        octets = bytearray(self.size // 8 + 1)
        for bit in bits:
            octets[bit >> 3] |= 1 << (bit & 7)
        return int.from_bytes(octets, "little")

    def steps(self) -> tuple[int, dict[str, int]]:
        """Return the states that any unnamed character moves on, and those that each named character moves on."""
        negated = [(bit, token) for bit, token in self._classes if token.negated]
        named: defaultdict[str, list[int]] = defaultdict(list)
        for bit, token in self._classes:
            if not token.negated:
                for char in token.chars:
                    named[char].append(bit)
        refused: defaultdict[str, list[int]] = defaultdict(list)
        for bit, token in negated:
            for char in token.chars:
                refused[char].append(bit)
        otherwise = self.mask(bit for bit, _ in negated)
        characters = named.keys() | refused.keys()
        steps = {
            char: (otherwise & ~self.mask(refused.get(char, ()))) | self.mask(named.get(char, ()))
            for char in characters
        }
        return otherwise, steps
