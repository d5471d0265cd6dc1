# SPDX-License-Identifier: Apache-2.0
"""The list of all figures."""

import pytest

from switchboard.metrics.catalogue import CATALOGUE, METRICS, of_role


def test_every_name_stands_for_one_figure():
    assert len(CATALOGUE) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_rules_of_prometheus(metric):
    assert metric.name.startswith("switchboard_")
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.help.endswith(".")


def test_a_role_shows_its_own_figures_alone():
    shown = {metric.name for metric in of_role("rtpmanager")}
    assert "switchboard_rtp_sessions" in shown
    assert "switchboard_calls" not in shown
