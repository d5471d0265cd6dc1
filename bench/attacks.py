# SPDX-License-Identifier: Apache-2.0
"""What attacks cost, and what the phones notice: ``python -m bench.attacks [--save] [--seconds 10] [--only NAME]``.

Each attack runs against one system with the limits that it has by default. While it lasts, a phone that is registered and
one that nobody knows yet place calls, one after the other; the longest set-up is shown, as are the CPU that
signaling spends on each message that arrives, its memory, and whether every call left exactly one record.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import LOAD_CORE, SERVER_CORE, cpu_s, memory_mb, pinned
from bench.report import Report
from bench.victims import Answerer, Callers
from tests.stack import FAST_TIMERS, NO_THROTTLE, Stack, make_template

CALM_S = 42.0
"""After so long nothing of an attack may be left: RFC 3261's longest timer and a bit."""
IDLE_S = 3.0
WARM_UP_S = 5.0
RECORDS_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack: the arguments of `bench.attackers`."""

    name: str
    kind: str
    arguments: str = ""
    seconds: float = 0.0
    """How long; 0: as long as the others."""


MANY_PORTS = "--ports 50"
ATTACKS = [
    Attack(name="REGISTER", kind="register"),
    Attack(name="REGISTER from 5,000 ports", kind="register", arguments=MANY_PORTS),
    Attack(name="REGISTER from 5,000 addresses", kind="register", arguments="--addresses 5000"),
    Attack(name="REGISTER, forged credentials", kind="guess"),
    Attack(name="INVITE that is never acknowledged", kind="invite"),
    Attack(name="INVITE from 5,000 ports", kind="invite", arguments=MANY_PORTS),
    Attack(name="OPTIONS", kind="options"),
    Attack(name="BYE into no dialog", kind="bye"),
    Attack(name="malformed", kind="malformed"),
    Attack(name="responses that nobody waits for", kind="response"),
    Attack(name="noise", kind="noise"),
    Attack(name="REGISTER over 500 TCP connections", kind="register", arguments="--tcp --ports 5"),
    Attack(
        name="10,000 idle TCP connections", kind="hold", arguments="--addresses 20 --ports 500", seconds=20
    ),
    Attack(
        name="10,000 TCP connections after an OPTIONS",
        kind="hold",
        arguments="--addresses 20 --ports 500 --first options",
        seconds=20,
    ),
    Attack(
        name="10,000 TCP connections with half a message",
        kind="hold",
        arguments=r"--addresses 20 --ports 500 --first OPTIONS\x20sip:a\x20SIP/2.0\r\n",
        seconds=20,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one attack did."""

    sent: int
    lost: int
    """Of those, by the kernel, because the socket's buffer was full."""
    cpu_us: float
    """Per message."""
    core: float
    """Share of a core while it lasted."""
    memory_mb: tuple[float, float, float]
    """Before, after, and when it was calm again."""
    known: str
    new: str
    records: str


def records_of(stack: Stack, call_ids: list[str]) -> str:
    """Return how many calls have one record, of how many; calls with another number of them are named."""
    deadline = time.monotonic() + RECORDS_S
    counts: dict[str, int] = {}
    while time.monotonic() < deadline:
        counts = {call_id: len(stack.cdrs(call_id)) for call_id in call_ids}
        if all(count == 1 for count in counts.values()):
            break
        time.sleep(0.5)
    wrong = [count for count in counts.values() if count != 1]
    return f"{len(counts) - len(wrong)} of {len(counts)}" + (
        f", others {sorted(set(wrong))}" if wrong else ""
    )


def lost_in_socket(port: int) -> int:
    """Return how many datagrams the kernel has thrown away because signaling did not read them in time."""
    for row in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = row.split()
        if int(fields[1].partition(":")[2], 16) == port:
            return int(fields[12])
    return 0


def run(attack: Attack, stack: Stack, answerer: Answerer, seconds: float, calm_s: float) -> Figures:
    """Attack a running system and return what came of it."""
    pid = stack.pid("runsip")
    before_mb = memory_mb(pid)
    idle_from = cpu_s(pid)
    time.sleep(IDLE_S)
    idle = (cpu_s(pid) - idle_from) / IDLE_S
    seconds = attack.seconds or seconds
    command = [*pinned(LOAD_CORE), sys.executable, "-m", "bench.attackers", attack.kind, stack.address[0]]
    command += [str(stack.address[1]), "--seconds", str(seconds), *attack.arguments.split()]
    with Callers(stack, answerer) as callers:
        time.sleep(1.0)
        began, started, lost = cpu_s(pid), time.monotonic(), lost_in_socket(stack.ports.sip)
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
        elapsed_s = time.monotonic() - started
        used_s = cpu_s(pid) - began - idle * elapsed_s
    lost = lost_in_socket(stack.ports.sip) - lost
    after_mb = memory_mb(pid)
    time.sleep(calm_s)
    sent = int(done.stdout)
    calls = callers.known.call_ids + callers.new.call_ids
    return Figures(
        sent=sent,
        lost=lost,
        cpu_us=1e6 * used_s / max(1, sent),
        core=100 * used_s / elapsed_s,
        memory_mb=(before_mb, after_mb, memory_mb(pid)),
        known=str(callers.known),
        new=str(callers.new),
        records=records_of(stack, calls),
    )


def measure(report: Report, given: argparse.Namespace) -> None:
    """Run the attacks one after the other and fill the report."""
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        template = make_template(Path(directory) / "template")
        env = dict.fromkeys([*NO_THROTTLE, *FAST_TIMERS], "")  # empty: the default
        stack = Stack(Path(directory) / "var", template, env=env, prefix=tuple(pinned(SERVER_CORE)))
        try:
            stack.start()
            answerer = Answerer(stack)
            answerer.start()
            with Callers(stack, answerer):
                time.sleep(WARM_UP_S)
            for attack in ATTACKS:
                if given.only.lower() in attack.name.lower():
                    figures = run(attack, stack, answerer, given.seconds, given.calm)
                    rows.append(row_of(attack, figures))
                    print(*rows[-1], sep=" | ", flush=True)
            answerer.stop()
        finally:
            stack.stop()
    report.table(
        f"Attacks at 20,000 messages a second from 100 addresses, {given.seconds:g} s each",
        [
            "attack",
            "sent",
            "unread",
            "CPU us/message",
            "% of a core",
            "MB before, after, calm",
            "known caller: worst ms",
            "new caller: worst ms",
            "calls with one record",
        ],
        rows,
    )


def row_of(attack: Attack, figures: Figures) -> list[str]:
    """Return the figures as text."""
    memory = " / ".join(f"{each:.0f}" for each in figures.memory_mb)
    cpu = "-" if attack.kind == "hold" else f"{figures.cpu_us:.1f}"
    share = f"{figures.core:.0f}"
    return [
        attack.name,
        f"{figures.sent:,}",
        f"{figures.lost:,}",
        cpu,
        share,
        memory,
        figures.known,
        figures.new,
        figures.records,
    ]


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each attack")
    parser.add_argument(
        "--calm", type=float, default=CALM_S, help="how long to wait before memory is looked at"
    )
    parser.add_argument("--only", default="", help="attacks whose name contains this")
    given = parser.parse_args()
    report = Report("attacks", "python -m bench.attacks")
    measure(report, given)
    report.print()
    if given.save:
        report.save()


if __name__ == "__main__":
    main()
