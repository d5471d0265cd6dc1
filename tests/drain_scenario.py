# SPDX-License-Identifier: Apache-2.0
"""Drains an RTP manager under many calls with audio and some prompts, and measures what the phones heard of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.media_pool import LONG_PROMPT, PROMPT_S, PROMPT_THEN_ECHO, ManyCalls, PoolStack
from tests.rtp_bank import PACKET_S, Line, RtpBank
from tests.sipp import Sipp, SippRunner

STATUS_S = 30.0
TALK_S = 4.0
"""How long a call goes on after its move; SIPp cannot be told when."""


@dataclass(slots=True)
class Figures:
    """What was measured."""

    calls: int
    prompts: int
    statuses: list[dict[str, Any]] = field(default_factory=list)
    """What the drain said, each time that it was asked."""
    baseline_gap_ms: float = 0.0
    """Longest time between two packets before the drain."""
    gap_ms: float = 0.0
    """Longest time between two packets during the drain."""
    own_pause_ms: float = 0.0
    """Longest time between two packets of the phones themselves during the drain."""
    missing_ms: float = 0.0
    """Longest stretch of audio that never arrived."""
    lost_packets: int = 0
    moves_s: float = 0.0
    """From the order to the last call that moved."""
    targets: Counter[str] = field(default_factory=Counter)
    cdrs: list[dict[str, Any]] = field(default_factory=list)
    heard: int = 0
    """Packets that the called phones heard, all RTP managers together."""

    def rows(self) -> dict[str, str]:
        """Return what there is to tell."""
        last = self.statuses[-1]
        return {
            "bridged calls and prompts on the drained RTP manager": f"{self.calls} and {self.prompts}",
            "sessions at the beginning": str(last["total_sessions"]),
            "sessions moved": str(last["migrated_count"]),
            "sessions that failed to": str(last["failed_count"]),
            "sessions that ended by themselves": str(last["ended_count"]),
            "calls moved to": ", ".join(f"{name}: {count}" for name, count in sorted(self.targets.items())),
            "all bridged calls moved after": f"{self.moves_s:.2f} s",
            "disabled after": f"{last['elapsed_seconds']:.2f} s",
            "longest audio gap": f"{self.gap_ms:.0f} ms (before the drain: {self.baseline_gap_ms:.0f} ms)",
            "longest stretch of audio lost": f"{self.missing_ms:.0f} ms",
            "packets lost": str(self.lost_packets),
        }


def run_drain(stack: PoolStack, sipp: SippRunner, *, calls: int, prompts: int) -> Figures:
    """Put everything on rtp-1, drain it towards the others, and wait for the end of all calls."""
    figures = Figures(calls, prompts)
    stack.start(*stack.names)
    others = [name for name in stack.names if name != "rtp-1"]
    for name in others:
        stack.command("drain", node_id=name)
    with RtpBank(2 * calls + prompts) as bank:
        many = ManyCalls(stack, sipp, bank)
        talking = bank.lines[: 2 * calls]
        talkers = _bridged(many, calls)
        _wait_until_heard(stack, talking)
        listeners = [
            many.call(number, count, talk_s=PROMPT_S + TALK_S)
            for number, count in ((LONG_PROMPT, prompts - prompts // 2), (PROMPT_THEN_ECHO, prompts // 2))
            if count
        ]
        _wait_until_heard(stack, bank.lines)
        for name in others:
            stack.command("cancel_drain", node_id=name)
        figures.baseline_gap_ms = 1000 * max(line.longest_gap_s for line in talking)
        bank.reset()
        _drain(stack, figures, talking, bank)
        for run in (*talkers, *listeners):
            run.wait()
        figures.heard = sum(line.received for line in talking[:calls])
    _read_cdrs(stack, figures, (*talkers, *listeners))
    return figures


def _bridged(many: ManyCalls, calls: int) -> list[Sipp]:
    """Place the bridged calls, ten per called phone."""
    runs = []
    for first in range(0, calls, 10):
        count = min(10, calls - first)
        runs.append((many.callee(count).username, count))
    return [many.call(number, count, talk_s=TALK_S + 10) for number, count in runs]


def _wait_until_heard(stack: PoolStack, lines: list[Line]) -> None:
    stack.wait_until(lambda: all(line.received > 25 for line in lines), 20, "audio on every line")


def _drain(stack: PoolStack, figures: Figures, talking: list[Line], bank: RtpBank) -> None:
    started = time.monotonic()
    figures.statuses.append(stack.command("drain", node_id="rtp-1", mode="graceful"))

    def look() -> dict[str, Any]:
        figures.statuses.append(stack.command("drain_status", node_id="rtp-1"))
        return figures.statuses[-1]

    stack.wait_until(lambda: look()["migrated_count"] >= 2 * figures.calls, STATUS_S, "the moves")
    figures.moves_s = time.monotonic() - started
    time.sleep(0.5)
    figures.gap_ms = 1000 * max(line.longest_gap_s for line in talking)
    figures.own_pause_ms = 1000 * bank.longest_pause_s
    figures.missing_ms = 1000 * PACKET_S * max(line.longest_loss for line in talking)
    figures.lost_packets = sum(line.lost for line in talking)
    stack.wait_until(lambda: look()["state"] == "disabled", STATUS_S, "the end of the drain")


def _read_cdrs(stack: PoolStack, figures: Figures, runs: tuple[Sipp, ...]) -> None:
    wanted = figures.calls + figures.prompts
    ids = [run.call_id for run in runs]

    def found() -> list[dict[str, Any]]:
        return [row for call_id in ids for row in stack.cdrs(call_id)]

    stack.wait_until(lambda: len(found()) >= wanted, 15, "all records")
    figures.cdrs = [row | {"metadata": json.loads(row["metadata"])} for row in found()]
    figures.targets = Counter(row["rtp_manager"] for row in figures.cdrs if row["metadata"])
