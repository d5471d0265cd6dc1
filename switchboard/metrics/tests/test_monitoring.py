# SPDX-License-Identifier: Apache-2.0
"""The alert rules, the dashboard and the manual speak of figures that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from django.conf import settings

from switchboard.metrics.catalogue import CATALOGUE, METRICS

MONITORING = settings.BASE_DIR / "deploy" / "monitoring"
MANUAL = settings.BASE_DIR / "docs" / "metrics.md"

PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "up"}
SCRAPE_LABELS = {"instance", "job", "le"}
SELECTOR = re.compile(r"\b((?:switchboard|process)_\w+|up\b)(?:\{([^}]*)\})?")
BY = re.compile(r"\bby \(([^)]*)\)")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def rules() -> list[dict]:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def dashboard() -> dict:
    read: dict = json.loads((MONITORING / "dashboard.json").read_text())
    return read


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def base(name: str) -> str:
    """The metric of the catalogue that a series belongs to."""
    for suffix in ("_bucket", "_count", "_sum"):
        whole = name.removesuffix(suffix)
        if whole != name and whole in CATALOGUE and CATALOGUE[whole].kind == "histogram":
            return whole
    return name


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda value: value[:40])
def test_every_figure_and_label_exists(where, expression):
    found = SELECTOR.findall(expression)
    assert found
    known = set(SCRAPE_LABELS)
    for name, selector in found:
        if name in PROCESS:
            assert set(LABEL.findall(selector)) <= SCRAPE_LABELS
            continue
        metric = CATALOGUE[base(name)]
        assert metric.kind != "histogram" or base(name) != name
        assert set(LABEL.findall(selector)) <= {*metric.labels, *SCRAPE_LABELS}
        known |= set(metric.labels)
    for labels in BY.findall(expression):
        assert {label.strip() for label in labels.split(",")} <= known


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["action"].endswith(".")


def test_alerts_and_panels_are_told_apart():
    for names in ([rule["alert"] for rule in rules()], [panel["title"] for panel in panels()]):
        assert len(names) == len(set(names)) > 10
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))


def test_every_figure_is_on_the_dashboard_or_in_an_alert():
    used = {base(name) for _, expression in expressions() for name, _ in SELECTOR.findall(expression)}
    seldom = {
        "switchboard_stopping",
        "switchboard_sessions_created_total",
        "switchboard_sessions_silent_total",
        "switchboard_rtp_sessions",
        "switchboard_rtp_bytes_total",
        "switchboard_rtp_packets_lost_total",
        "switchboard_rtp_jitter_seconds",
    }
    assert {metric.name for metric in METRICS} - used == seldom


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_manual_tells_what_each_figure_means(metric):
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    line = f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"
    assert line in MANUAL.read_text().splitlines()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules():
    checked = subprocess.run(
        ["promtool", "check", "rules", str(MONITORING / "alerts.yaml")], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
