# SPDX-License-Identifier: Apache-2.0
"""What open dashboards cost: ``python -m bench.dashboards``.

SIPp holds calls, each of which ends after a while and is followed by a new one. The CPU of the signaling role (the SIP
process and its live API) and of the ui is read with no dashboard open and with many, in turns; the difference is what
they cost. It fails when signaling pays more than its limit.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import SCENARIOS
from bench.memory import ENV, START_TIMEOUT_S
from bench.open_pages import Dashboards
from bench.pages import Person
from bench.processes import cpu_s, program, stop, wait_until
from bench.report import Report
from bench.signalling import CALLEE, CALLER, SERVER_ENV, Switchboard
from tests.ports import wait_until_bound
from tests.stack import Stack, make_template, password
from tests.webui import PASSWORD, create_admin, url_of

LIMIT_PERCENT = 5.0
"""Of one core, for the signaling role."""
OWN_ENV = {"INTERNAL_API_TOKEN": "bench-of-dashboards-0123456789abcdef", "RTP_INACTIVITY_S": "3600"}
"""The calls are silent: what media cost is measured elsewhere."""
ROLES = ("SIP process", "live API", "ui")
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU of each role in one interval, in percent of a core."""

    percent: tuple[float, ...]


@contextmanager
def calls(place: Switchboard, count: int, lasting_s: float) -> Iterator[None]:
    """Keep ``count`` calls up."""
    sipp, directory = program("sipp", "Debian: sip-tester"), place.directory
    before, _, bye = (SCENARIOS / "uac-authenticated.xml").read_text().rpartition('  <send retrans="500">')
    scenario = directory / "uac-holds.xml"
    scenario.write_text(f'{before}  <pause/>\n  <send retrans="500">{bye}')
    common = ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin", "-skip_rlimit"]
    port, own = place.answerer_port, place.port
    answerer = [sipp, "-sn", "uas", "-p", str(port), "-mp", str(port + 2), "-cp", str(port + 8)]
    caller = [sipp, "-sf", str(scenario), "-s", CALLEE, "-au", CALLER, "-ap", password(CALLER)]
    caller += ["-p", str(own), "-cp", str(own + 8), "-mp", str(own + 2), "-l", str(count)]
    caller += ["-r", str(max(count / lasting_s, 1)), "-d", str(int(lasting_s * 1000))]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in ([*answerer, *common], [*caller, *common, "{}:{}".format(*place.stack.address)]):
            quiet = subprocess.DEVNULL
            started.append(subprocess.Popen(command, cwd=directory, stdout=quiet, stderr=quiet))
            wait_until_bound(port)
        yield
    finally:
        for process in reversed(started):
            stop(process)


def live_calls(place: Switchboard) -> int:
    """Return how many calls the signaling node shows."""
    from signaling.node_client import NodeClient, NodeProblem

    with NodeClient(f"http://127.0.0.1:{place.stack.ports.api}", f"Internal {internal_token()}") as node:
        try:
            return len(node.rows("calls"))
        except NodeProblem:
            return 0


def internal_token() -> str:
    """Return what the ui shows the nodes."""
    return OWN_ENV["INTERNAL_API_TOKEN"]


def child_of(pid: int) -> int:
    """Return the live API of a SIP process: its one child."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def spend(pids: tuple[int, ...], seconds: float) -> Spent:
    """Measure for a while."""
    before, began = [cpu_s(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    elapsed_s = time.monotonic() - began
    after = [cpu_s(pid) for pid in pids]
    return Spent(tuple(100 * (b - a) / elapsed_s for a, b in zip(before, after, strict=True)))


def measure(
    report: Report, *, dashboards: int, count: int, lasting_s: float, rounds: int, each_s: float
) -> bool:
    """Measure in turns, add the table, and tell whether signaling pays less than its limit."""
    env = {**SERVER_ENV, **ENV, **OWN_ENV}
    closed: list[Spent] = []
    opened: list[Spent] = []
    received: list[float] = []
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as name:
        directory = Path(name)
        stack = Stack(directory / "stack", make_template(directory / "template"), env=env)
        try:
            place = Switchboard(stack.start(), directory)
            create_admin(stack)
            stack.run("runui")
            person = Person(url_of(stack))
            person.log_in("admin", PASSWORD)
            with calls(place, count, lasting_s):
                wait_until(
                    lambda: live_calls(place) >= count * 0.95, START_TIMEOUT_S + lasting_s, "the calls"
                )
                pids = (stack.pid("runsip"), child_of(stack.pid("runsip")), stack.pid("runui"))
                for _ in range(rounds):
                    closed.append(spend(pids, each_s))
                    with Dashboards(stack.ports.ui, person.cookies, dashboards) as pages:
                        time.sleep(SETTLE_S)
                        before = sum(pages.bytes)
                        opened.append(spend(pids, each_s))
                        received.append((sum(pages.bytes) - before) / dashboards / each_s)
                    time.sleep(SETTLE_S)
                held = live_calls(place)
        finally:
            stack.stop()
    rows = []
    extra = []
    for index, role in enumerate(ROLES):
        without = statistics.median(spent.percent[index] for spent in closed)
        difference = statistics.median(
            with_.percent[index] - less.percent[index] for with_, less in zip(opened, closed, strict=True)
        )
        extra.append(difference)
        rows.append([role, f"{without:.1f}", f"{without + difference:.1f}", f"{difference:+.1f}"])
    report.table(
        f"CPU with {held} live calls ({count / lasting_s:.0f} begin and end each second), percent of a core",
        ["", "no dashboard", f"{dashboards} dashboards", "difference"],
        rows,
    )
    cost = extra[0] + extra[1]
    report.notes.append(
        f"Signaling pays {cost:.1f} % of a core for {dashboards} dashboards (limit {LIMIT_PERCENT:.0f} %); "
        f"medians of {rounds} rounds of {each_s:.0f} s. A page gets {statistics.median(received) / 1000:.0f} kB/s."
    )
    return cost < LIMIT_PERCENT


def main() -> None:
    """Measure, print, and save when asked; exit 1 when signaling pays too much."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboards", description=__doc__)
    parser.add_argument("--dashboards", type=int, default=50)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--lasting-s", type=float, default=100.0, help="how long each call lasts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each-s", type=float, default=15.0, help="how long each measurement takes")
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    options = parser.parse_args()
    report = Report("dashboards", "python -m bench.dashboards")
    fits = measure(
        report,
        dashboards=options.dashboards,
        count=options.calls,
        lasting_s=options.lasting_s,
        rounds=options.rounds,
        each_s=options.each_s,
    )
    report.print()
    if options.save:
        report.save()
    sys.exit(0 if fits else 1)


if __name__ == "__main__":
    main()
