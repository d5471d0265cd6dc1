# SPDX-License-Identifier: Apache-2.0
"""What a call and a registration cost, and how many one core carries: ``python -m bench.signalling``.

Switchboard's calls are whole ones: digest authentication, dialplan, two media sessions, a CDR in the database. Sippy
B2BUA's are bare. Both get the same calls from SIPp in turns, on one core; SIPp runs on the other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Answerer, Outcome, offer
from bench.peers.sippy import Sippy
from bench.processes import SERVER_CORE, cpu_s, memory_mb, pinned, wait_until
from bench.report import Report
from tests.rawsip import Peer
from tests.stack import Phone, Stack, make_template, password

SERVER_ENV = {
    "SIP_T1_S": "0.5",
    "CONFIG_POLL_S": "0.25",
    "LOGLEVEL": "warn",
    "MAX_CALLS_PER_USER": "0",
    "MAX_CALLS": "100000",
    "RTP_THREADS": "1",
    "RTP_PORT_MIN": "36000",
    "RTP_PORT_MAX": "65000",
}
CALLER, CALLEE = "2000", "2001"
REGISTERING_USERS = range(2100, 2500)
CDR_TIMEOUT_S = 30.0
PROBE_S = 6
FIRST_RATE, RATE_STEP = 50, 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU of one run, per call or registration, in milliseconds."""

    signaling_ms: float
    media_ms: float
    outcome: Outcome

    @property
    def total_ms(self) -> float:
        """Signaling and media together."""
        return self.signaling_ms + self.media_ms


class Switchboard:
    """The product with one phone registered where SIPp answers."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self.stack, self.directory = stack, directory
        self.answerer_port = stack.ports.client()
        self.port = stack.ports.client()
        self.users = directory / "users.csv"
        lines = [
            f"{name};[authentication username={name} password={password(name)}]"
            for name in map(str, REGISTERING_USERS)
        ]
        self.users.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
        self.register_callee()

    def register_callee(self) -> None:
        """Bind the called user to SIPp's port."""
        phone = Phone(username=CALLEE, password=password(CALLEE), port=self.answerer_port)
        with Peer(self.stack.address, port=self.answerer_port) as peer:
            answer = peer.register(phone)
        if answer.status != 200:
            raise RuntimeError(f"the called phone could not register: {answer.first}")

    def calls(self, rate: float, count: int) -> Outcome:
        """Place whole calls."""
        options = ("-s", CALLEE, "-au", CALLER, "-ap", password(CALLER))
        with Answerer(self.answerer_port, self.directory):
            return offer(
                "uac-authenticated",
                self.stack.address,
                port=self.port,
                rate=rate,
                count=count,
                directory=self.directory,
                options=options,
            )

    def registrations(self, rate: float, count: int) -> Outcome:
        """Register users in turn."""
        return offer(
            "register-authenticated",
            self.stack.address,
            port=self.port,
            rate=rate,
            count=count,
            directory=self.directory,
            options=("-inf", str(self.users)),
        )

    def cdr_count(self) -> int:
        """Return how many calls the database holds."""
        return int(self.stack.rows("SELECT count(*) AS n FROM cdrs")[0]["n"])

    def call_cost(self, rate: float, count: int) -> Cost:
        """Measure calls, up to and with the last CDR's row."""
        expected = self.cdr_count() + count
        before = self._cpu()
        outcome = self.calls(rate, count)
        wait_until(lambda: self.cdr_count() >= expected - outcome.failed, CDR_TIMEOUT_S, "the CDRs")
        return self._cost(before, outcome)

    def registration_cost(self, rate: float, count: int) -> Cost:
        """Measure registrations."""
        before = self._cpu()
        return self._cost(before, self.registrations(rate, count))

    def _cpu(self) -> tuple[float, float]:
        return cpu_s(self.stack.pid("runsip")), cpu_s(self.stack.pid("runrtp"))

    def _cost(self, before: tuple[float, float], outcome: Outcome) -> Cost:
        after = self._cpu()
        done = max(1, outcome.completed)
        return Cost(
            signaling_ms=(after[0] - before[0]) * 1000 / done,
            media_ms=(after[1] - before[1]) * 1000 / done,
            outcome=outcome,
        )


class BareCalls:
    """Sippy with a static route to SIPp."""

    def __init__(self, sippy: Sippy, port: int, answerer_port: int, directory: Path) -> None:
        self.sippy, self.port, self.answerer_port, self.directory = sippy, port, answerer_port, directory

    def calls(self, rate: float, count: int) -> Outcome:
        """Place bare calls."""
        with Answerer(self.answerer_port, self.directory):
            return offer(
                "uac-bare",
                self.sippy.address,
                port=self.port,
                rate=rate,
                count=count,
                directory=self.directory,
                options=("-s", CALLEE),
            )

    def call_cost(self, rate: float, count: int) -> Cost:
        """Measure calls."""
        before = cpu_s(self.sippy.pid)
        outcome = self.calls(rate, count)
        spent = (cpu_s(self.sippy.pid) - before) * 1000 / max(1, outcome.completed)
        return Cost(signaling_ms=spent, media_ms=0.0, outcome=outcome)


@contextmanager
def both() -> Iterator[tuple[Switchboard, BareCalls]]:
    """Start Switchboard and Sippy, each on the server core."""
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as name:
        directory = Path(name)
        template = make_template(directory / "template")
        stack = Stack(directory / "stack", template, env=SERVER_ENV, prefix=tuple(pinned(SERVER_CORE)))
        try:
            ours = Switchboard(stack.start(), directory)
            ports = [stack.ports.client() for _ in range(3)]
            with Sippy(ports[0], ports[1]) as sippy:
                yield ours, BareCalls(sippy, ports[2], ports[1], directory)
        finally:
            stack.stop()


def highest_rate(place: Switchboard | BareCalls, kind: str = "calls") -> int:
    """Return the highest rate, in steps of a quarter, at which the load is still carried (`Outcome.clean`).

    A rate has failed when it failed twice: the first time may have been somebody else's noise.
    """
    rate, best = float(FIRST_RATE), 0
    while any(getattr(place, kind)(rate, int(rate * PROBE_S)).clean for _ in range(2)):
        best, rate = int(rate), rate * RATE_STEP
    return best


def median(values: list[float]) -> float:
    """Return the median: one disturbed run must not decide."""
    return statistics.median(values)


def measure(report: Report, *, rounds: int, rate: int, count: int, ceilings: bool) -> None:
    """Run the rounds, ours and the peer's in turns, and add the tables."""
    ours: list[Cost] = []
    theirs: list[Cost] = []
    registrations: list[Cost] = []
    with both() as (switchboard, sippy):
        switchboard.calls(rate, rate)
        sippy.calls(rate, rate)
        for _ in range(rounds):
            ours.append(switchboard.call_cost(rate, count))
            theirs.append(sippy.call_cost(rate, count))
            registrations.append(switchboard.registration_cost(rate * 2, count))
        failures = sum(cost.outcome.failed for cost in (*ours, *theirs, *registrations))
        memory = [memory_mb(switchboard.stack.pid(name)) for name in ("runsip", "runrtp")]
        top = [highest_rate(switchboard), highest_rate(sippy)] if ceilings else [0, 0]
        top_registrations = highest_rate(switchboard, "registrations") if ceilings else 0
    _report_calls(
        report, ours, theirs, top, f"at {rate} calls/s, medians of {rounds} rounds of {count} calls"
    )
    cost_us = median([c.signaling_ms for c in registrations]) * 1000
    report.table(
        f"Registrations with digest (both requests), at {rate * 2} a second",
        ["", "CPU us", "registrations/s on one core"],
        [["Switchboard", f"{cost_us:.0f}", str(top_registrations or "-")]],
    )
    report.notes.append(
        f"Failed: {failures}. Memory after it: runsip {memory[0]:.0f} MB, runrtp {memory[1]:.0f} MB."
    )


def _report_calls(report: Report, ours: list[Cost], theirs: list[Cost], top: list[int], how: str) -> None:
    signaling, media = median([c.signaling_ms for c in ours]), median([c.media_ms for c in ours])
    total, bare = median([c.total_ms for c in ours]), median([c.total_ms for c in theirs])
    ratio = median([own.total_ms / other.total_ms for own, other in zip(ours, theirs, strict=True)])
    figures = [f"{signaling:.2f}", f"{media:.2f}", f"{total:.2f}", f"{ratio:.2f}", str(top[0] or "-")]
    report.table(
        f"CPU per completed call {how}",
        ["", "signaling ms", "media ms", "together ms", "ratio", "calls/s on one core"],
        [
            ["Switchboard, whole call", *figures],
            ["Sippy B2BUA 2.5.0, bare call", f"{bare:.2f}", "-", f"{bare:.2f}", "1", str(top[1] or "-")],
        ],
    )


def main() -> None:
    """Measure, print, and save when asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.signalling", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=100, help="calls a second while the cost is measured")
    parser.add_argument("--count", type=int, default=1500, help="calls in a round")
    parser.add_argument(
        "--no-ceilings", action="store_true", help="leave out the search for the highest rates"
    )
    parser.add_argument("--nice", type=int, default=0, help="-20 keeps other work of a shared machine away")
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    options = parser.parse_args()
    os.setpriority(os.PRIO_PROCESS, 0, options.nice)
    report = Report("signalling", "python -m bench.signalling")
    measure(
        report,
        rounds=options.rounds,
        rate=options.rate,
        count=options.count,
        ceilings=not options.no_ceilings,
    )
    report.print()
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
