# SPDX-License-Identifier: Apache-2.0
"""Moves a route up or down among those that are tried with it, by changing as few priorities as possible.

Pure. Invariants: afterwards the routes are tried in the wanted order (priority, own before shared, id); a route that
may not be changed keeps its priority.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from dialplan.engine.document import PRIORITY_LIMIT

STEP = 10
"""Between two priorities where there is room, so that a route fits in between later."""


class NoRoom(ValueError):
    """There is no priority left between routes that may not be changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A route in its order."""

    id: str
    priority: int
    shared: bool = False
    fixed: bool = False
    """Whether its priority may not be changed: a shared route among those of an account."""

    @property
    def key(self) -> tuple[int, bool, str]:
        """What routes are ordered by."""
        return self.priority, self.shared, self.id


def move(places: Sequence[Place], route_id: str, *, up: bool) -> dict[str, int]:
    """Return the new priorities that exchange a route with its neighbour; none when there is no neighbour.

    Args:
        places: every route that is tried with it, in any order.
        route_id: of one that is not fixed.
        up: towards the one that is tried first.

    Raises:
        NoRoom: shared routes stand too close.
    """
    order = sorted(places, key=lambda place: place.key)
    at = next(index for index, place in enumerate(order) if place.id == route_id and not place.fixed)
    other = at - 1 if up else at + 1
    if not 0 <= other < len(order):
        return {}
    wanted = list(order)
    wanted[at], wanted[other] = order[other], order[at]
    solved = _exchanged(order[at], order[other], wanted, up=up) or _renumbered(wanted)
    before = {place.id: place.priority for place in places if not place.fixed}
    moved = (place for place in solved if not place.fixed)
    return {place.id: place.priority for place in moved if place.priority != before[place.id]}


def _exchanged(moved: Place, other: Place, wanted: list[Place], *, up: bool) -> list[Place] | None:
    """Change the two neighbours alone, when that is enough."""
    if other.fixed:
        # What is fixed is shared, and comes after the account's own routes of the same priority.
        changed = {moved.id: other.priority if up else other.priority + 1}
    else:
        changed = {moved.id: other.priority, other.id: moved.priority}
    tried = [replace(place, priority=changed.get(place.id, place.priority)) for place in wanted]
    return tried if _in_order(tried) and _within_limits(tried) else None


def _renumbered(wanted: list[Place]) -> list[Place]:
    """Number each run of routes between two fixed ones anew, where it is out of order."""
    runs = [list(run) for _, run in groupby(wanted, key=lambda place: place.fixed)]
    solved: list[Place] = []
    for index, run in enumerate(runs):
        below = runs[index - 1][-1] if index else None
        above = runs[index + 1][0] if index + 1 < len(runs) else None
        around = [*([below] if below else []), *run, *([above] if above else [])]
        solved += run if run[0].fixed or _in_order(around) else _spread(run, below, above)
    if not _in_order(solved) or not _within_limits(solved):
        raise NoRoom
    return solved


def _spread(run: list[Place], below: Place | None, above: Place | None) -> Iterator[Place]:
    count = len(run)
    low = None if below is None else below.priority + (0 if below.shared < run[0].shared else 1)
    high = None if above is None else above.priority - (0 if run[0].shared < above.shared else 1)
    if low is not None and high is not None:
        if high - low + 1 < count:
            raise NoRoom
        numbers = [low + (high - low) * (index + 1) // (count + 1) for index in range(count)]
        if len(set(numbers)) < count:
            numbers = [low + index for index in range(count)]
    elif high is not None:
        numbers = [high - STEP * (count - 1 - index) for index in range(count)]
    else:
        first = STEP if low is None else low + STEP - 1
        numbers = [first + STEP * index for index in range(count)]
    return (replace(place, priority=number) for place, number in zip(run, numbers, strict=True))


def _in_order(places: Sequence[Place]) -> bool:
    return all(one.key < next_.key for one, next_ in pairwise(places))


def _within_limits(places: Sequence[Place]) -> bool:
    return all(abs(place.priority) <= PRIORITY_LIMIT for place in places)
