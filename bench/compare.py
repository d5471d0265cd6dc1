# SPDX-License-Identifier: Apache-2.0
"""What a change saves or costs: ``python -m bench.compare ../other-checkout``.

Another checkout and this one carry the same load at the same time on one core, so that whatever else the machine does
disturbs both alike. Both are started anew for each round, in the other order, because two processes of the same code
differ by some per cent for all of their lives. What lingers for half a minute after each call (the timers of RFC 3261) is
waited for before anything is measured.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from bench.processes import SERVER_CORE, cpu_s, pinned
from bench.report import Report
from bench.signalling import SERVER_ENV, Switchboard
from tests.stack import ROOT, Stack, make_template

ROLES = ("runsip", "runrtp")
SUMS = {"signaling": slice(1), "media": slice(1, 2), "together": slice(2)}
WARM_UP_S = 36
"""64*T1, and a little."""
TAIL_S = 3

Costs = list[list[float]]
"""CPU milliseconds per call or registration: by checkout, the other one first, then by role."""


def started(root: Path, directory: Path, cleanup: ExitStack) -> Switchboard:
    """Start the Switchboard of one checkout on the server core."""
    directory.mkdir(parents=True)
    template = make_template(directory / "template", root)
    stack = Stack(directory / "stack", template, env=SERVER_ENV, prefix=tuple(pinned(SERVER_CORE)), root=root)
    cleanup.callback(stack.stop)
    return Switchboard(stack.start(), directory)


def one_round(roots: list[Path], directory: Path, options: argparse.Namespace, *, swap: bool) -> list[Costs]:
    """Start both checkouts and return their costs in each slice of time."""
    order = list(enumerate(roots))
    places: dict[int, Switchboard] = {}
    with ExitStack() as cleanup:
        for number, root in reversed(order) if swap else order:
            places[number] = started(root, directory / str(number), cleanup)
        ready = [places[number] for number, _ in order]
        return measured(ready, options.kind, options.rate, options.slices, options.slice_s)


def measured(places: list[Switchboard], kind: str, rate: int, slices: int, slice_s: int) -> list[Costs]:
    """Return the costs in each slice of time.

    Raises:
        RuntimeError: not everything was carried, so that the costs are those of something else.
    """
    count = rate * (WARM_UP_S + slices * slice_s + TAIL_S)
    costs: list[Costs] = []
    with ThreadPoolExecutor(len(places)) as pool:
        loads = [pool.submit(getattr(place, kind), rate, count) for place in places]
        time.sleep(WARM_UP_S)
        before, since = _spent_s(places), time.monotonic()
        for _ in range(slices):
            time.sleep(slice_s)
            after, now = _spent_s(places), time.monotonic()
            done = rate * (now - since)
            costs.append(
                [
                    [(y - x) * 1000 / done for x, y in zip(*pair, strict=True)]
                    for pair in zip(before, after, strict=True)
                ]
            )
            before, since = after, now
        outcomes = [load.result() for load in loads]
    if not all(outcome.clean for outcome in outcomes):
        raise RuntimeError(f"the load was not carried, try a lower --rate: {outcomes}")
    return costs


def _spent_s(places: list[Switchboard]) -> list[list[float]]:
    return [[cpu_s(place.stack.pid(role)) for role in ROLES] for place in places]


def _row(title: str, costs: list[Costs], roles: slice) -> list[str]:
    pairs = [[sum(spent[roles]) for spent in cost] for cost in costs]
    ratios = [this / other for other, this in pairs]
    medians = [f"{statistics.median(column):.2f}" for column in zip(*pairs, strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return [title, *medians, f"{statistics.median(ratios):.3f}", spread]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("other", type=Path, help="a checkout of another state")
    parser.add_argument("--kind", choices=["calls", "registrations"], default="calls")
    parser.add_argument("--rate", type=int, default=40, help="of each of the two, per second")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--slices", type=int, default=2, help="of each round")
    parser.add_argument("--slice-s", type=int, default=10)
    options = parser.parse_args()
    report = Report("compare", f"python -m bench.compare --kind {options.kind} --rate {options.rate}")
    roots = [options.other.resolve(), ROOT]
    costs: list[Costs] = []
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as name:
        for number in range(options.rounds):
            costs += one_round(roots, Path(name) / f"round-{number}", options, swap=bool(number % 2))
    report.table(
        f"CPU ms for each of the {options.kind}, {options.rounds} rounds of {options.slices} slices of {options.slice_s} s",
        ["", "other", "this", "ratio", "of slices"],
        [_row(title, costs, roles) for title, roles in SUMS.items()],
    )
    report.print()


if __name__ == "__main__":
    main()
