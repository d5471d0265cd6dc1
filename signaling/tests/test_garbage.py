# SPDX-License-Identifier: Apache-2.0
"""When the cycle collector may look at everything."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from signaling.garbage import BUSY_S, PAUSE_S, QUIET_S, YOUNG, QuietCollector, calm


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Give the collector of the tests back what it had."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Knot:
    """Something that only the collector frees."""

    freed = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        type(self).freed += 1


def test_only_the_young_are_looked_at_while_calls_run() -> None:
    calm()
    young, middle, old = gc.get_threshold()
    assert young == YOUNG
    assert min(middle, old) > 1_000_000
    assert gc.get_freeze_count() > 0


def test_what_piled_up_is_collected_when_there_was_no_call_for_a_while() -> None:
    calls = {"a": 1}
    collector = QuietCollector(calls)
    Knot()
    before = Knot.freed
    assert not collector.look(0.0)
    calls.clear()
    assert not collector.look(10.0)
    assert not collector.look(10.0 + QUIET_S - 1)
    assert collector.look(10.0 + QUIET_S)
    assert Knot.freed == before + 1


def test_a_call_begins_the_wait_anew() -> None:
    calls: dict[str, int] = {}
    collector = QuietCollector(calls)
    assert not collector.look(0.0)
    calls["a"] = 1
    assert not collector.look(QUIET_S)
    calls.clear()
    assert not collector.look(QUIET_S + 1)
    assert collector.look(2 * QUIET_S + 1)


def test_it_is_not_done_again_at_once() -> None:
    collector = QuietCollector({})
    collector.look(0.0)
    assert collector.look(QUIET_S)
    assert not collector.look(QUIET_S + PAUSE_S - 1)
    assert collector.look(QUIET_S + PAUSE_S)


def test_a_node_that_always_has_calls_collects_too_now_and_then() -> None:
    collector = QuietCollector({"a": 1})
    Knot()
    before = Knot.freed
    assert not collector.look(0.0)
    assert not collector.look(BUSY_S - 1)
    assert collector.look(BUSY_S)
    assert Knot.freed == before + 1
    assert not collector.look(2 * BUSY_S - 1)
    assert collector.look(2 * BUSY_S)
