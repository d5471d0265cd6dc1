# SPDX-License-Identifier: Apache-2.0
"""Readings as Prometheus reads them, and their way from one process to another."""

import json
import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from switchboard.metrics.exposition import from_plain, render, to_plain
from switchboard.metrics.numbers import Histogram, Readings


def readings() -> Readings:
    setup = Histogram.of("switchboard_call_setup_seconds")
    for value in (0.0005, 0.3, 0.3, 100.0):
        setup.observe(value)
    return {
        "switchboard_calls": {("ringing", "internal"): 2},
        "switchboard_calls_started_total": {("phone",): 7},
        "switchboard_call_setup_seconds": {("ringing",): setup},
    }


def samples(text: bytes) -> dict[tuple, float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_readings_are_written_with_their_labels():
    found = samples(render(readings()))
    assert found["switchboard_calls", ("direction", "internal"), ("state", "ringing")] == 2
    assert found["switchboard_calls_started_total", ("origin", "phone")] == 7


def test_buckets_add_up_and_what_is_above_them_counts_too():
    found = samples(render(readings()))
    name, stage = "switchboard_call_setup_seconds", ("stage", "ringing")
    assert found[f"{name}_bucket", ("le", "0.001"), stage] == 1
    assert found[f"{name}_bucket", ("le", "0.25"), stage] == 1
    assert found[f"{name}_bucket", ("le", "0.5"), stage] == 3
    assert found[f"{name}_bucket", ("le", "+Inf"), stage] == 4
    assert found[f"{name}_count", stage] == 4
    assert found[f"{name}_sum", stage] == pytest.approx(100.6005)


def test_the_process_that_counted_is_shown():
    assert samples(render({}, pid=os.getppid())) != {}
    assert b"process_resident_memory_bytes" in render({})


def test_readings_survive_the_way_to_another_process():
    there = from_plain(json.loads(json.dumps(to_plain(readings()))))
    assert [line for line in render(there).splitlines() if b"switchboard" in line] == [
        line for line in render(readings()).splitlines() if b"switchboard" in line
    ]


@pytest.mark.parametrize(
    "bad",
    [{"switchboard_secret_total": {(): 1.0}}, {"switchboard_calls": {("ringing",): 1.0}}],
    ids=["unknown name", "wrong labels"],
)
def test_what_is_not_in_the_catalogue_is_never_shown(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        render(bad)
