# SPDX-License-Identifier: Apache-2.0
"""Steady calls with audio, short calls that come and go, and everything else failing in turn: what is lost is counted."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.chaos_faults import DRAINED, Part, parts, take_out_of_service
from tests.distributed import Distributed
from tests.media_pool import ManyCalls
from tests.rtp_bank import PACKET_S, RtpBank
from tests.sipp import Sipp, SippRunner

STEADY: Final = 20
PER_PHONE: Final = 5
CALLERS: Final = 40
"""Phones that place the short calls, in turn."""
LONG_S: Final = 7200.0
REGISTERED_S: Final = 3600
"""The longest registration that is granted: a run may take longer than what phones ask for otherwise."""
NOTICED_S: Final = 15.0
CAUGHT_UP_S: Final = 45.0
PLACED = re.compile(rb"^Call-ID: (\S+)\r?$", re.MULTILINE)
HEAD: Final = (
    "part",
    "fault",
    "away",
    "health says so after",
    "steady calls up",
    "audio gap",
    "audio lost",
    "new calls",
    "of them failed",
    "slowest answer",
    "caught up after",
)


@dataclass(slots=True)
class Failure:
    """One fault of one part, and what it did."""

    part: str
    fault: str
    began: float = 0.0
    """Seconds since the epoch."""
    ended: float = 0.0
    away_s: float = 0.0
    noticed_s: float | None = None
    calls_up: int = 0
    gap_ms: float = 0.0
    """Longest time between two packets that a phone heard, less the longest that the phones themselves paused."""
    lost_ms: float = 0.0
    """Longest stretch of audio that never arrived."""
    caught_up_s: float = 0.0
    answers_s: list[float] = field(default_factory=list)
    failed: int = 0

    def join(self, other: Failure) -> None:
        """Take the worst of another time that the same failed."""
        self.away_s = max(self.away_s, other.away_s)
        self.noticed_s = max(filter(None, (self.noticed_s, other.noticed_s)), default=None)
        self.calls_up = min(self.calls_up, other.calls_up)
        self.gap_ms = max(self.gap_ms, other.gap_ms)
        self.lost_ms = max(self.lost_ms, other.lost_ms)
        self.caught_up_s = max(self.caught_up_s, other.caught_up_s)
        self.answers_s += other.answers_s
        self.failed += other.failed

    def row(self, steady: int) -> list[str]:
        """Return the line of the table."""
        slowest = f"{1000 * max(self.answers_s):.0f} ms" if self.answers_s else "-"
        return [
            self.part,
            self.fault,
            f"{self.away_s:.1f} s",
            "-" if self.noticed_s is None else f"{self.noticed_s:.1f} s",
            f"{self.calls_up} of {steady}",
            f"{self.gap_ms:.0f} ms",
            f"{self.lost_ms:.0f} ms",
            str(len(self.answers_s) + self.failed),
            str(self.failed),
            slowest,
            f"{self.caught_up_s:.1f} s",
        ]


@dataclass(slots=True)
class Outcome:
    """What a run counted."""

    steady: int
    failures: list[Failure] = field(default_factory=list)
    placed: int = 0
    lost_calls: int = 0
    lost_records: list[str] = field(default_factory=list)
    doubled_records: list[str] = field(default_factory=list)
    failed_calls: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def worst(self) -> list[Failure]:
        """Return one failure for each part and fault: the worst of all rounds."""
        found: dict[tuple[str, str], Failure] = {}
        for failure in self.failures:
            key = (failure.part, failure.fault)
            if key in found:
                found[key].join(failure)
            else:
                found[key] = replace(failure, answers_s=list(failure.answers_s))
        return list(found.values())

    @property
    def is_loss(self) -> bool:
        """Whether anything is gone that must not be."""
        return bool(self.lost_calls or self.lost_records or self.doubled_records)

    def totals(self) -> list[list[str]]:
        """Return the lines that matter."""
        return [
            ["faults", str(len(self.failures))],
            ["time", f"{self.seconds:.0f} s"],
            ["steady calls", str(self.steady)],
            ["steady calls lost", str(self.lost_calls)],
            ["short calls", str(self.placed)],
            ["short calls that failed", str(len(self.failed_calls))],
            ["call records lost", str(len(self.lost_records))],
            ["call records doubled", str(len(self.doubled_records))],
        ]


class Chaos:
    """One run.

    Args:
        stack: not started.
        sipp: starts SIPp.
        steady: how many calls last from the beginning to the end.
        away_s: how long a part is away, at least.
        short_calls_per_s: new calls a second meanwhile.
    """

    def __init__(
        self,
        stack: Distributed,
        sipp: SippRunner,
        *,
        steady: int = STEADY,
        away_s: float = 2.0,
        short_calls_per_s: float = 3.0,
    ) -> None:
        self._stack = stack
        self._sipp = sipp
        self._steady = steady
        self._away_s = away_s
        self._rate = short_calls_per_s
        self._markers: list[str] = []
        self.outcome = Outcome(steady)

    def run(self, rounds: int = 1) -> Outcome:
        """Make every part fail in every way, so many times."""
        stack = self._stack
        stack.prepare()
        stack.start(*stack.names)
        for command in ("runcdr", "runui", "runjobs"):
            stack.run(command)
        take_out_of_service(stack, DRAINED)
        begun = time.monotonic()
        with RtpBank(2 * self._steady + 1) as bank:
            many = ManyCalls(stack, self._sipp, bank, patience_s=LONG_S)
            steady = self._place_steady(many)
            talking_lines = bank.lines[: 2 * self._steady]
            stack.wait_until(
                lambda: all(line.received > 25 for line in talking_lines), 30, "audio on every line"
            )
            stack.wait_whole()
            with self._short_calls(bank) as short:
                for _ in range(rounds):
                    for part in parts(stack):
                        for fault in part.faults:
                            self.outcome.failures.append(self._fail(part, fault, bank))
            self._end(steady)
        self.outcome.seconds = time.monotonic() - begun
        self._count([*steady, short])
        return self.outcome

    # --- Calls --------------------------------------------------------------------------------------------------

    def _place_steady(self, many: ManyCalls) -> list[Sipp]:
        runs = []
        for first in range(0, self._steady, PER_PHONE):
            count = min(PER_PHONE, self._steady - first)
            runs.append(many.call(many.callee(count).username, count, talk_s=LONG_S))
        return runs

    @contextmanager
    def _short_calls(self, bank: RtpBank) -> Iterator[Sipp]:
        """Place calls of a third of a second without a pause; none is cut off at the end."""
        stack, sipp = self._stack, self._sipp
        port = bank.lines[-1].port
        callee = stack.phone()
        sipp.register(callee, expires=REGISTERED_S)
        table = stack.var / "short-calls.csv"
        table.write_text(f"SEQUENTIAL\n{port};\n")
        endless = ("-m", "1000000", "-timeout", f"{LONG_S:.0f}s", "-inf", str(table))
        sipp.start("uas-follows", callee, options=endless, STATUS="200 OK", SAY="MEDIA")
        rows = []
        for _ in range(CALLERS):
            phone = stack.phone()
            credentials = f"[authentication username={phone.username} password={phone.password}]"
            rows.append(f"{phone.username};{credentials};{callee.username};{port};")
        callers = stack.var / "short-callers.csv"
        callers.write_text("SEQUENTIAL\n" + "\n".join(rows) + "\n")
        options = (*endless[:-1], str(callers), "-r", str(int(10 * self._rate)), "-rp", "10000")
        short = sipp.start("uac-follows", stack.phone(), to=callee.username, options=options, TALK_MS=300)
        yield short
        short.process.send_signal(signal.SIGUSR1)
        short.process.wait(20)

    def _place_marker(self) -> None:
        """Register a new phone and have it call another one: what an outage must not touch."""
        callee = self._sipp.answering()
        call = self._sipp.run(
            "uac-call-answered", self._stack.phone(), to=callee.username, options=("-d", "100")
        )
        self._markers.append(call.call_id)

    def _end(self, steady: list[Sipp]) -> None:
        """Count the steady calls that are still there, and hang up through REST."""
        _, body = self._stack.rest("GET", "calls")
        for run in steady:
            ours = [call for call in body["calls"] if str(call["call_id"]).startswith(run.call_id)]
            for call in ours:
                self._stack.rest("DELETE", f"calls/{call['call_uuid']}")
        for run in steady:
            run.wait()

    # --- Faults -------------------------------------------------------------------------------------------------

    def _fail(self, part: Part, fault: str, bank: RtpBank) -> Failure:
        """Make one part fail in one way, wait until all is well again, and say what happened."""
        part.prepare()
        failure = Failure(part.name, fault, began=time.time())
        bank.reset()
        begun = time.monotonic()
        if fault == "restarted":
            part.restart()
            self._place_marker()
        else:
            (part.kill if fault == "killed" else part.freeze)()
            self._place_marker()
            if part.shown_as is not None:
                failure.noticed_s = self._wait_noticed(part.shown_as, begun)
            time.sleep(max(0.0, begun + self._away_s - time.monotonic()))
            (part.start if fault == "killed" else part.thaw)()
        failure.away_s = time.monotonic() - begun
        back = time.monotonic()
        self._stack.wait_whole(CAUGHT_UP_S)
        self._stack.cdr(self._markers[-1], timeout_s=CAUGHT_UP_S)
        self._stack.job_done(CAUGHT_UP_S)
        failure.caught_up_s = time.monotonic() - back
        failure.calls_up = self._calls_up(bank)
        lines = bank.lines[: 2 * self._steady]
        gap_s = max(line.longest_gap_s for line in lines) - bank.longest_pause_s
        failure.gap_ms = 1000 * max(gap_s, PACKET_S)
        failure.lost_ms = 1000 * PACKET_S * max(line.longest_loss for line in lines)
        failure.ended = time.time()
        return failure

    def _wait_noticed(self, shown_as: str, begun: float) -> float:
        self._stack.wait_until(
            lambda: shown_as in self._stack.degraded(), NOTICED_S, f"health says that {shown_as} is away"
        )
        return time.monotonic() - begun

    def _calls_up(self, bank: RtpBank) -> int:
        """Return how many steady calls have audio both ways."""
        lines = bank.lines[: 2 * self._steady]
        before = [line.received for line in lines]
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            hears = [line.received > was + 10 for line, was in zip(lines, before, strict=True)]
            if all(hears):
                break
            time.sleep(0.05)
        return sum(hears) // 2

    # --- Counting -----------------------------------------------------------------------------------------------

    def _count(self, runs: list[Sipp]) -> None:
        """Compare the calls that were placed with the records that are there."""
        outcome = self.outcome
        placed = {call_id for run in runs for call_id in placed_calls(run)}
        placed |= {f"{prefix}-1" for prefix in self._markers}
        outcome.placed = len(placed) - self._steady
        prefixes = [run.call_id for run in runs] + self._markers
        found: dict[str, list[dict[str, Any]]] = {}

        def read() -> bool:
            for prefix in prefixes:
                found.update(self._stack.records(prefix))
            return placed <= found.keys()

        deadline = time.monotonic() + CAUGHT_UP_S
        while not read() and time.monotonic() < deadline:
            time.sleep(0.5)
        # What would come twice comes late.
        time.sleep(2.0)
        read()
        outcome.lost_records = sorted(placed - found.keys())
        # A second record of one Call-ID has a suffix.
        outcome.doubled_records = sorted(found.keys() - placed)
        outcome.lost_calls = self._steady - min(failure.calls_up for failure in outcome.failures)
        for call_id, rows in found.items():
            self._note(call_id, rows[0])

    def _note(self, call_id: str, row: dict[str, Any]) -> None:
        began = row["invite_time"].timestamp()
        answered = row["disposition"] == "ANSWERED"
        if not answered:
            self.outcome.failed_calls.append(f"{call_id}: {row['disposition']} {row['hangup_cause']}")
        for failure in self.outcome.failures:
            if failure.began <= began < failure.ended:
                if answered:
                    failure.answers_s.append(row["answer_time"].timestamp() - began)
                else:
                    failure.failed += 1


def placed_calls(run: Sipp) -> set[str]:
    """Return the Call-IDs that a SIPp used."""
    found = {call_id.decode() for call_id in PLACED.findall((run.directory / "messages.log").read_bytes())}
    return {call_id for call_id in found if call_id.startswith(run.call_id)}
