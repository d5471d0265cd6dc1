# SPDX-License-Identifier: Apache-2.0
"""Draws the calls of the last hour: one bar a minute, its answered part filled."""

from __future__ import annotations

from dataclasses import dataclass

from switchboard.dashboard.history import History

WIDTH, HEIGHT = 600, 120
STEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One minute, in the units of the drawing."""

    x: int
    calls_y: float
    calls_height: float
    answered_y: float
    answered_height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The drawing: bars, and what its upper edge stands for."""

    bars: tuple[Bar, ...]
    top: int
    first: str
    middle: str
    last: str


def chart(history: History) -> Chart:
    """Return the drawing of an hour."""
    top = scale(max(minute.calls for minute in history.minutes))
    bars = []
    for number, minute in enumerate(history.minutes):
        calls, answered = HEIGHT * minute.calls / top, HEIGHT * minute.answered / top
        if minute.calls:
            bars.append(
                Bar(
                    x=number * STEP + 1,
                    calls_y=round(HEIGHT - calls, 1),
                    calls_height=round(calls, 1),
                    answered_y=round(HEIGHT - answered, 1),
                    answered_height=round(answered, 1),
                    title=f"{minute.start:%H:%M} – {minute.calls} calls, {minute.answered} answered",
                )
            )
    times = [f"{history.minutes[index].start:%H:%M}" for index in (0, 30, -1)]
    return Chart(bars=tuple(bars), top=top, first=times[0], middle=times[1], last=times[2])


def scale(most: int) -> int:
    """Return a round number that is not below the largest value: 4, 6, 8, 10, 14, 20, …"""
    unit = 1
    while True:
        for factor in (4, 6, 8, 10, 14, 20, 30):
            if most <= factor * unit:
                return factor * unit
        unit *= 10
