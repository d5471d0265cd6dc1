# SPDX-License-Identifier: Apache-2.0
"""Kills, freezes and restarts everything that calls can do without, under calls: ``make chaos [SECONDS=5] [ROUNDS=3]``.

The same run as the test of faults, for longer. What it prints stands in docs/operations.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.report import Report
from tests.chaos import HEAD, STEADY, Chaos, Outcome
from tests.distributed import Distributed, services
from tests.sipp import SippRunner
from tests.stack import make_template

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"


def main() -> None:
    """Run it and print the tables; the exit code tells whether anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a part is away (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="how often every part fails (default: 3)")
    parser.add_argument("--calls", type=int, default=STEADY, help=f"steady calls (default: {STEADY})")
    parser.add_argument("--save", action="store_true", help="write the figures into docs/operations.md")
    options = parser.parse_args()
    outcome = measure(options.seconds, options.rounds, options.calls)
    report = Report("chaos", f"make chaos SECONDS={options.seconds:g} ROUNDS={options.rounds}")
    report.table(
        "Faults, the worst of all rounds",
        list(HEAD),
        [failure.row(outcome.steady) for failure in outcome.worst()],
    )
    report.table("Altogether", ["", ""], outcome.totals())
    report.print()
    if options.save:
        report.save(PAGE)
    for line in (*outcome.failed_calls, *outcome.lost_records, *outcome.doubled_records):
        print(line, file=sys.stderr)
    sys.exit(1 if outcome.is_loss else 0)


def measure(away_s: float, rounds: int, steady: int) -> Outcome:
    """Return what one run counted."""
    with tempfile.TemporaryDirectory(prefix="switchboard-chaos-") as name, services() as servers:
        directory = Path(name)
        postgres, redis, nats = servers
        stack = Distributed(
            directory / "stack",
            make_template(directory / "template"),
            postgres=postgres,
            redis=redis,
            nats=nats,
            managers=3,
        )
        sipp = SippRunner(stack, directory / "sipp")
        try:
            return Chaos(stack, sipp, steady=steady, away_s=away_s).run(rounds)
        finally:
            sipp.stop()
            stack.stop()


if __name__ == "__main__":
    main()
