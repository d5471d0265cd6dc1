# SPDX-License-Identifier: Apache-2.0
"""What changed of the live state, noted by whoever changes it and collected by whoever shows it.

Knows none of the things that change. Invariant: while nobody looks, a note costs one attribute and is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _nothing() -> None:
    """Wake nobody."""


class Changes:
    """Calls, legs and media sessions that changed since they were last collected, each named once."""

    __slots__ = ("active", "calls", "legs", "sessions", "total_sessions", "wake")

    def __init__(self) -> None:
        self.active = False
        """Whether anybody collects."""
        self.total_sessions = 0
        """Media sessions made since the start."""
        self.calls: dict[Any, None] = {}
        self.legs: dict[Any, None] = {}
        self.sessions: dict[Any, None] = {}
        self.wake: Callable[[], None] = _nothing
        """Called with each note; it must only see to it that the notes are collected soon."""

    def call(self, call: Any) -> None:
        """Note that a call began, changed or ended."""
        if self.active:
            self.calls[call] = None
            self.wake()

    def leg(self, leg: Any) -> None:
        """Note that a leg began, changed its state or ended."""
        if self.active:
            self.legs[leg] = None
            self.wake()

    def session(self, session: Any) -> None:
        """Note that a media session was made, changed or released."""
        if self.active:
            self.sessions[session] = None
            self.wake()

    def clear(self) -> None:
        """Forget the notes."""
        self.calls, self.legs, self.sessions = {}, {}, {}
