# SPDX-License-Identifier: Apache-2.0
"""Numbers on the paths of calls."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from switchboard.metrics.numbers import LAG_INTERVAL_S, Histogram, LagMeter


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_a_histogram_counts_each_observation_once_in_the_bucket_that_holds_it(values):
    histogram = Histogram((1.0, 10.0))
    for value in values:
        histogram.observe(value)
    assert histogram.counts == [
        sum(value <= 1 for value in values),
        sum(1 < value <= 10 for value in values),
        sum(value > 10 for value in values),
    ]


class Loop:
    """A loop whose timers a test fires."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Any] = []

    def call_later(self, delay_s: float, callback: Any, *args: Any) -> Any:
        self.timers.append((self.now + delay_s, callback, args))
        return SimpleNamespace(cancel=self.timers.clear)

    def fire(self, late_s: float) -> None:
        due, callback, args = self.timers.pop()
        self.now = due + late_s
        callback(*args)


def test_lag_is_how_late_the_loop_comes_back():
    loop: Any = Loop()
    meter = LagMeter(loop, lambda: loop.now)
    meter.start()
    for late_s in (0.0, 0.2, 3.0):
        loop.fire(late_s)
    assert meter.lag.total == 3.2
    assert sum(meter.lag.counts) == 3
    assert loop.now == 3 * LAG_INTERVAL_S + 3.2


def test_nothing_is_measured_after_the_stop():
    loop: Any = Loop()
    meter = LagMeter(loop, lambda: loop.now)
    meter.start()
    meter.stop()
    assert loop.timers == []
