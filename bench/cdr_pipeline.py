# SPDX-License-Identifier: Apache-2.0
"""How many call records a second reach PostgreSQL, and at what CPU: ``python -m bench.cdr_pipeline``.

A process journals ended calls as a signaling node does (on disk before the BYE is answered) and hands them to JetStream;
`manage.py runcdr` stores them. Two databases of the same kind: without NATS the node stores them itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.cdr_data import SEARCH_PATH
from bench.processes import MissingProgram, cpu_s, memory_mb, wait_until
from bench.report import Report
from tests.nats import NatsServer, find_server
from tests.postgres import PostgresServer, find_binaries
from tests.stack import ROOT

RECORDS = 30_000
CALLS_AT_ONCE = 400
STORED_TIMEOUT_S = 120.0


@dataclass(slots=True)
class Run:
    """One way of the records, measured."""

    name: str
    seconds: float = 0.0
    journal_seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def row(self, records: int) -> list[str]:
        """Return the line of the table."""
        per_record = {name: 1e6 * spent / records for name, spent in self.cpu.items()}
        parts = ", ".join(f"{name} {value:.0f}" for name, value in per_record.items())
        return [self.name, f"{records / self.journal_seconds:,.0f}", f"{records / self.seconds:,.0f}", parts]


def ended_call(number: int) -> Any:
    """Return the record of a call that was hung up now."""
    from cdrs.record import CallRecord, EndReason, HangupBy, new_record_id

    record_id = new_record_id(time.time(), os.urandom(10))
    record = CallRecord(
        id=record_id,
        call_id=f"{record_id}@192.0.2.1",
        invite_time=time.time() - 70,
        caller_number=f"{1000 + number % 100}",
        caller_name=f"Person {number % 100}",
        callee_number="+4930901820",
        answer_time=time.time() - 60,
        codec="PCMA",
        mos_score=4.3,
        rtp_packets_recv=3000,
        rtp_packets_sent=3000,
        route_id="outside",
        signaling_server="bench",
    )
    record.finish(time.time(), EndReason.NORMAL, HangupBy.CALLER, 200)
    return record


async def journal_calls(directory: Path, records: int, nats_url: str) -> None:
    """End `records` calls, four hundred at a time, each waiting until its record is on disk; then empty the journal."""
    from cdrs.journal import Journal
    from cdrs.outlet import open_outlet
    from switchboard.nats_link import NatsLink

    link = NatsLink(nats_url, "benchmark") if nats_url else None
    outlet = open_outlet(directory, nats=link, gather_s=0.02)
    journal = Journal(directory, "bench", on_commit=outlet.wake)
    journal.open()
    outlet.start()
    numbers = iter(range(records))

    async def calls() -> None:
        for number in numbers:
            assert await journal.call_ended(ended_call(number))

    begun = time.monotonic()
    await asyncio.gather(*(calls() for _ in range(CALLS_AT_ONCE)))
    print(time.monotonic() - begun, flush=True)
    while outlet.delivered < records:
        await asyncio.sleep(0.01)
    print("delivered", flush=True)
    await journal.close()
    await asyncio.to_thread(sys.stdin.readline)
    outlet.stop()


@contextmanager
def child(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the product, or of this benchmark, that is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def measure(name: str, records: int, postgres: PostgresServer, nats: NatsServer | None) -> Run:
    """Carry the records one way, and return what it took."""
    run = Run(name)
    url = postgres.create_database(f"pipeline_{name.split(maxsplit=1)[0].lower()}")
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "NATS_URL": nats.url if nats else "",
            "VAR_DIR": directory,
            "LOGLEVEL": "warn",
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True
        )
        if nats is None:
            carry(run, records, url, environment, {})
            return run
        with child(environment, "manage.py", "runcdr") as consumer:
            wait_until(lambda: cpu_s(consumer.pid) > 0.3, 30, "the consumer")
            time.sleep(2)
            carry(run, records, url, environment, {"runcdr": consumer.pid, "nats-server": nats.pid})
    return run


def carry(run: Run, records: int, url: str, environment: dict[str, str], pids: dict[str, int]) -> None:
    """Journal the records in a process of their own and wait until all are stored."""
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    with (
        psycopg.connect(url, autocommit=True, options=SEARCH_PATH) as connection,
        child(environment, "-m", "bench.cdr_pipeline", "--journal", str(records)) as node,
    ):
        assert node.stdout is not None and node.stdout.readline() == "begin\n"
        begun = time.monotonic()
        run.journal_seconds = float(node.stdout.readline())
        wait_until(lambda: stored(connection) >= records, STORED_TIMEOUT_S, "all records")
        run.seconds = time.monotonic() - begun
        assert stored(connection) == records
        run.cpu["node"], run.memory["node"] = cpu_s(node.pid), memory_mb(node.pid)
        for name, pid in pids.items():
            run.cpu[name], run.memory[name] = cpu_s(pid) - before[name], memory_mb(pid)


def stored(connection: psycopg.Connection) -> int:
    """Return how many records are in the table."""
    row = connection.execute("SELECT count(*) FROM cdrs").fetchone()
    return row[0] if row else 0


def journal_here(records: int) -> None:
    """Be the process that journals."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
    import django

    django.setup()
    from django.conf import settings

    print("begin", flush=True)
    asyncio.run(journal_calls(settings.VAR_DIR / "journal", records, settings.NATS_URL))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    parser.add_argument("--journal", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.journal:
        journal_here(options.journal)
        return
    binaries, program = find_binaries(), find_server()
    if binaries is None or program is None:
        raise MissingProgram("PostgreSQL and NATS are needed (Debian: postgresql nats-server)")
    postgres, nats = PostgresServer(binaries), NatsServer(program)
    try:
        postgres.create()
        nats.start()
        runs = [
            measure("Journal → JetStream → runcdr → PostgreSQL", options.records, postgres, nats),
            measure("Directly: journal → PostgreSQL", options.records, postgres, None),
        ]
    finally:
        nats.remove()
        postgres.remove()
    report = Report("cdr_pipeline", "python -m bench.cdr_pipeline")
    report.table(
        f"{options.records:,} records through the pipeline",
        ["way", "journalled a second", "stored a second", "CPU µs a record"],
        [run.row(options.records) for run in runs],
    )
    report.print()
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
