# SPDX-License-Identifier: Apache-2.0
"""Drains an RTP manager with many bridged calls and prompts on it: ``python -m bench.drain [--calls 50] [--prompts 5]``.

The same run as the test of the drain, at the size of a real one: what the phones heard of it is what counts.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.report import Report
from tests.drain_scenario import run_drain
from tests.media_pool import PoolStack
from tests.sipp import SippRunner
from tests.stack import make_template


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50, help="bridged calls (default: 50)")
    parser.add_argument("--prompts", type=int, default=5, help="playing prompts (default: 5)")
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    options = parser.parse_args()
    report = Report("drain", f"python -m bench.drain --calls {options.calls} --prompts {options.prompts}")
    report.table("Drain", ["", ""], measure(options.calls, options.prompts))
    report.print()
    if options.save:
        report.save()


def measure(calls: int, prompts: int) -> list[list[str]]:
    """Return the figures of one run as rows of a table."""
    with tempfile.TemporaryDirectory(prefix="switchboard-drain-") as name:
        directory = Path(name)
        stack = PoolStack(directory / "stack", make_template(directory / "template"), managers=3)
        sipp = SippRunner(stack, directory / "sipp")
        try:
            figures = run_drain(stack, sipp, calls=calls, prompts=prompts)
            return [list(row) for row in figures.rows().items()]
        finally:
            sipp.stop()
            stack.stop()


if __name__ == "__main__":
    main()
