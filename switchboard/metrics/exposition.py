# SPDX-License-Identifier: Apache-2.0
"""Writes readings as Prometheus reads them, with the figures of the process itself.

Readings travel between processes as plain lists. Invariant: a reading whose name or number of labels is not in the
catalogue is refused, so that nothing undocumented is ever shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from switchboard.metrics.catalogue import CATALOGUE, Metric
from switchboard.metrics.numbers import Histogram, Number, Readings

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Plain = dict[str, list[list[Any]]]
"""Metric name → [label values, number]; a histogram's number is [counts, sum]."""


def render(readings: Readings, pid: int | None = None) -> bytes:
    """Return the text of readings and of the figures of a process.

    Args:
        readings: what was counted.
        pid: the process that counted, when it is not this one.

    Raises:
        ValueError: a reading does not fit the catalogue.
    """
    registry = CollectorRegistry(auto_describe=False)
    process = os.getpid() if pid is None else pid
    ProcessCollector(pid=lambda: process, registry=registry)
    registry.register(_ReadingsCollector(readings))
    return generate_latest(registry)


def to_plain(readings: Readings) -> Plain:
    """Return readings as lists and numbers alone."""
    return {
        name: [[list(labels), _plain_number(number)] for labels, number in values.items()]
        for name, values in readings.items()
    }


def from_plain(plain: Plain) -> Readings:
    """Return the readings that `to_plain` wrote.

    Raises:
        ValueError: a name is not in the catalogue.
    """
    readings: Readings = {}
    for name, values in plain.items():
        metric = _metric(name)
        readings[name] = {tuple(labels): _number(metric, number) for labels, number in values}
    return readings


class _ReadingsCollector(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Family]:
        for name, values in self._readings.items():
            yield _family(_metric(name), values)


def _metric(name: str) -> Metric:
    try:
        return CATALOGUE[name]
    except KeyError:
        raise ValueError(f"{name} is not in the catalogue of metrics") from None


def _family(metric: Metric, values: Mapping[tuple[str, ...], Number]) -> Family:
    for labels in values:
        if len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {labels}")
    if metric.kind == "histogram":
        histograms = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, number in values.items():
            assert isinstance(number, Histogram)  # noqa: S101 - what the catalogue says
            histograms.add_metric(labels, _buckets(number), sum_value=number.total)
        return histograms
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, number in values.items():
        assert not isinstance(number, Histogram)  # noqa: S101 - what the catalogue says
        family.add_metric(labels, number)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


def _plain_number(number: Number) -> Any:
    return [number.counts, number.total] if isinstance(number, Histogram) else number


def _number(metric: Metric, number: Any) -> Number:
    if metric.kind != "histogram":
        return float(number)
    histogram = Histogram(metric.buckets)
    histogram.counts, histogram.total = list(number[0]), float(number[1])
    return histogram
