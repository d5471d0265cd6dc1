# SPDX-License-Identifier: Apache-2.0
"""What a relayed RTP packet costs, and how many calls one core carries: ``python -m bench.relay``.

The calls of one step are set up through the relay's own control protocol, then `rtp-load` (a crate of media/engine)
sends both directions of every call, 50 packets a second each, and reads the relay's CPU time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bench.peers.rtpengine import Rtpengine
from bench.peers.rtpmanager import RtpManager
from bench.processes import LOAD_CORE, MissingProgram, pinned
from bench.report import Report
from tests.stack import ROOT, make_template

LOAD = ROOT / "media" / "engine" / "target" / "release" / "rtp-load"
STEPS = (100, 500, 1000)
RELAY_PORTS = (33000, 57999)
FIRST_LOCAL_PORT = 58000
CONTROL_PORT = 32900
MOST_LOSS_PERCENT, MOST_P50_US = 0.1, 5000
CEILING_FIRST, CEILING_STEP = 600, 200
CEILING_MOST = 3000
CEILING_DURATION_S = 4.0
Figures = dict[str, float]


class Relay(Protocol):
    """What is measured."""

    name: str

    @property
    def pid(self) -> int:
        """The process whose CPU time counts."""

    def pairs(self, ports: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Set up calls."""


Start = Callable[[], AbstractContextManager[Relay]]


def load(start: Start, calls: int, duration_s: float) -> Figures:
    """Start a relay, relay ``calls`` calls for a while, and return what `rtp-load` found."""
    local = [(FIRST_LOCAL_PORT + 2 * n, FIRST_LOCAL_PORT + 2 * n + 1) for n in range(calls)]
    with start() as relay:
        targets = relay.pairs(local)
        lines = [f"{a} {to_a} {b} {to_b}" for (a, b), (to_a, to_b) in zip(local, targets, strict=True)]
        command = [*pinned(LOAD_CORE), str(LOAD), "--pairs", "-", "--pid", str(relay.pid), "--json"]
        command += ["--duration", str(duration_s), "--warmup", "2"]
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def carried(figures: Figures) -> bool:
    """Tell whether nothing was lost and nothing queued."""
    return figures["loss_percent"] < MOST_LOSS_PERCENT and figures["p50_us"] < MOST_P50_US


def most_calls(start: Start) -> int:
    """Return the most calls, in steps, that are carried."""
    best = 0
    for calls in range(CEILING_FIRST, CEILING_MOST + 1, CEILING_STEP):
        if not carried(load(start, calls, CEILING_DURATION_S)):
            break
        best = calls
    return best


def measure(report: Report, *, rounds: int, duration_s: float, ceilings: bool) -> None:
    """Run every step in turns and add the tables."""
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as name:
        directory = Path(name)
        template = make_template(directory / "template")
        starts: list[tuple[str, Start]] = [
            (RtpManager.name, lambda: RtpManager(directory / "stack", template, *RELAY_PORTS)),
            (Rtpengine.name, lambda: Rtpengine(CONTROL_PORT, *RELAY_PORTS)),
        ]
        rows = []
        for calls in STEPS:
            runs: list[list[Figures]] = [[], []]
            for _ in range(rounds):
                for kept, (_, start) in zip(runs, starts, strict=True):
                    kept.append(load(start, calls, duration_s))
            rows.append(_row(calls, *runs))
        report.table(
            f"CPU per forwarded packet on one core, medians of {rounds} rounds of {duration_s:g} s",
            [
                "calls",
                "Switchboard us",
                "rtpengine us",
                "ratio",
                "p50 / p99 us",
                "rtpengine p50 / p99 us",
                "lost %",
            ],
            rows,
        )
        if ceilings:
            found = [[title, str(most_calls(start))] for title, start in starts]
            report.table("Calls on one core: loss < 0.1 % and p50 < 5 ms", ["", "calls"], found)


def _row(calls: int, ours: list[Figures], theirs: list[Figures]) -> list[str]:
    def median(runs: list[Figures], key: str) -> float:
        return statistics.median(figures[key] for figures in runs)

    own, other = median(ours, "cpu_us_per_packet"), median(theirs, "cpu_us_per_packet")
    waits = [f"{median(runs, 'p50_us'):.0f} / {median(runs, 'p99_us'):.0f}" for runs in (ours, theirs)]
    lost = " and ".join(f"{median(runs, 'loss_percent'):.3f}" for runs in (ours, theirs))
    return [str(calls), f"{own:.2f}", f"{other:.2f}", f"{own / other:.2f}", *waits, lost]


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", type=float, default=8.0, help="seconds of each measurement")
    parser.add_argument("--no-ceilings", action="store_true", help="leave out the search for the most calls")
    parser.add_argument("--nice", type=int, default=0, help="-20 keeps other work of a shared machine away")
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    options = parser.parse_args()
    if not LOAD.exists():
        raise MissingProgram(f"{LOAD} is not built: cd media/engine && cargo build --release -p rtp-load")
    os.setpriority(os.PRIO_PROCESS, 0, options.nice)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    report = Report("relay", "python -m bench.relay")
    measure(report, rounds=options.rounds, duration_s=options.duration, ceilings=not options.no_ceilings)
    report.print()
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
