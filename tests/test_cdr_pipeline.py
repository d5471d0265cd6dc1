# SPDX-License-Identifier: Apache-2.0
"""Journal → NATS → PostgreSQL with the product's own processes, while every part is killed and frozen in turn."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from cdrs.committer import Committer, Entry
from cdrs.consumer import ACK_WAIT_S
from cdrs.delivery import Deliverer
from cdrs.jetstream import JetStreamSink
from cdrs.record import CallRecord, EndReason, HangupBy, new_record_id
from cdrs.segments import ENDED
from switchboard.metrics.catalogue import of_role
from tests.nats import NatsServer, nats_server  # noqa: F401 - a fixture
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture
from tests.servers import free_port
from tests.stack import ROOT
from tests.test_metrics import families, sample

pytestmark = [pytest.mark.e2e, pytest.mark.nats, pytest.mark.postgres]

SEARCH_PATH = "-c search_path=switchboard,public"
RECORDS = 3000
ROUNDS = 6


class RunCdr:
    """``manage.py runcdr`` as a child process."""

    def __init__(self, directory: Path, database: str, nats_url: str) -> None:
        self._log = directory / "runcdr.log"
        self.port = free_port()
        self._environment = {
            **os.environ,
            "VAR_DIR": str(directory),
            "DATABASE_URL": database,
            "NATS_URL": nats_url,
            "CDR_METRICS_PORT": str(self.port),
        }
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, after it was ended or the first time."""
        with self._log.open("ab") as log:
            command = [sys.executable, "manage.py", "runcdr", "--batch", "50"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        return self.process

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and text of an address of its metrics port; status 0 when nobody answers."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=2)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(15)


@pytest.fixture
def database(postgres_server: PostgresServer, tmp_path: Path) -> str:  # noqa: F811
    """The URL of a migrated, empty database."""
    url = postgres_server.create_database(f"pipeline_{uuid.uuid4().hex[:8]}")
    environment = {**os.environ, "DATABASE_URL": url, "VAR_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return url


@pytest.fixture
def consumer(database: str, nats_server: NatsServer, tmp_path: Path) -> Iterator[RunCdr]:  # noqa: F811
    child = RunCdr(tmp_path, database, nats_server.url)
    yield child
    child.end(signal.SIGKILL)


@pytest.fixture
def outlet(tmp_path: Path, nats_server: NatsServer) -> Iterator[Deliverer]:  # noqa: F811
    """What empties the journal of a signaling node."""
    sink = JetStreamSink(nats_server.url, ack_timeout_s=1.0)
    made = Deliverer(tmp_path / "journal", sink, batch_size=40, gather_s=0.0, poll_s=0.02, max_backoff_s=0.2)
    yield made
    made.stop()


def journal(directory: Path, count: int) -> set[str]:
    """Add ended calls to a journal and return their ids."""
    committer = Committer(directory, "node", max_segment_bytes=1 << 20, max_held=10**6, clock=time.time)
    entries = []
    for _ in range(count):
        record_id = new_record_id(time.time(), os.urandom(10))
        record = CallRecord(id=record_id, call_id=record_id, invite_time=time.time())
        record.finish(time.time(), EndReason.CANCELED, HangupBy.CALLER, 487)
        entries.append(Entry(ENDED, record.id, record.to_json()))
    assert committer.commit(entries)
    committer.close()
    return {entry.record_id for entry in entries}


def stored(database: str) -> list[str]:
    with psycopg.connect(database, options=SEARCH_PATH) as connection:
        return [str(pk) for (pk,) in connection.execute("SELECT id FROM cdrs")]


def wait_until_stored(database: str, ids: set[str], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while len(found := stored(database)) < len(ids):
        assert time.monotonic() < deadline, f"{len(found)} of {len(ids)} records are stored"
        time.sleep(0.1)


def test_records_are_stored_once_while_everything_is_killed_and_frozen(
    tmp_path: Path,
    database: str,
    consumer: RunCdr,
    outlet: Deliverer,
    nats_server: NatsServer,  # noqa: F811
    postgres_server: PostgresServer,  # noqa: F811
) -> None:
    chance = random.Random(11)
    ids: set[str] = set()
    (tmp_path / "journal").mkdir()
    outlet.start()
    for number in range(ROUNDS):
        ids |= journal(tmp_path / "journal", RECORDS // ROUNDS)
        outlet.wake()
        time.sleep(chance.uniform(0.05, 0.5))
        if number % 3 == 0:
            consumer.end(signal.SIGKILL)
            consumer.start()
        elif number % 3 == 1:
            nats_server.kill()
            nats_server.start()
        else:
            postgres_server.kill()
            postgres_server.start()
        with (nats_server if chance.random() < 0.5 else postgres_server).frozen():
            time.sleep(0.3)
    wait_until_stored(database, ids)
    # Nothing comes twice, and what was acknowledged is not asked for again.
    time.sleep(1.0)
    found = stored(database)
    assert len(found) == len(set(found)) and set(found) == ids


def test_it_stops_in_order_when_it_is_told_to(consumer: RunCdr, database: str, tmp_path: Path) -> None:
    log = tmp_path / "runcdr.log"
    deadline = time.monotonic() + 15
    while "ready" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert consumer.end(signal.SIGTERM) == 0 and "stops" in log.read_text()


def test_health_and_metrics_tell_what_records_wait_for(
    consumer: RunCdr,
    outlet: Deliverer,
    tmp_path: Path,
    database: str,
    nats_server: NatsServer,  # noqa: F811
    postgres_server: PostgresServer,  # noqa: F811
) -> None:
    wait_for(lambda: consumer.ask("/health")[0] == 200)
    (tmp_path / "journal").mkdir()
    outlet.start()
    postgres_server.kill()
    ids = journal(tmp_path / "journal", 30)
    outlet.wake()
    wait_for(lambda: consumer.ask("/health")[0] == 503 and "the database" in consumer.ask("/health")[1])
    assert consumer.ask("/health?liveness=true")[0] == 200
    assert 'switchboard_cdr_part_up{part="database"} 0.0' in consumer.ask("/metrics")[1]
    postgres_server.start()
    wait_until_stored(database, ids)
    nats_server.kill()
    wait_for(lambda: "NATS" in consumer.ask("/health")[1])
    nats_server.start()
    wait_for(lambda: consumer.ask("/health")[0] == 200)
    page = consumer.ask("/metrics")[1]
    assert {metric.name for metric in of_role("cdr")} <= families(page)
    assert sample(page, "switchboard_cdr_stored_total") >= 30
    # NATS may have forgotten acknowledgements when it was killed; then the records come again, and are stored once.
    wait_for(lambda: sample(consumer.ask("/metrics")[1], "switchboard_cdr_pending") == 0, 2 * ACK_WAIT_S)
    assert sorted(stored(database)) == sorted(ids)
    assert sample(page, "switchboard_cdr_part_up") == len(("nats", "database"))
    assert sample(page, "process_resident_memory_bytes") > 0
    assert consumer.end(signal.SIGTERM) == 0


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
