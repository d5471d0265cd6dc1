# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL is frozen, killed, started late: calls go on, records wait, everything catches up, and the log says it once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.calls import raw_call
from tests.distributed import DATABASE_TIMEOUT_S, Distributed
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture
from tests.sipp import SippRunner
from tests.stack import password

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

NOTICED_S = 4 * DATABASE_TIMEOUT_S
CAUGHT_UP_S = 20.0
PAGE_S = 2 * DATABASE_TIMEOUT_S + 2.0
QUICK_S = 4.0
AWAY_LINES = ("Configuration cannot be read", "Bindings cannot be stored", "CDRs wait in the journal")


@pytest.fixture(scope="module")
def own_stack(
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,  # noqa: F811
) -> Iterator[Distributed]:
    """A node and a ui role on PostgreSQL."""
    stack = Distributed(tmp_path_factory.mktemp("away"), template, postgres=postgres_server)
    try:
        stack.prepare()
        stack.start("rtp-1")
        stack.run("runui")
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def own_sipp(own_stack: Distributed, tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against that stack."""
    runner = SippRunner(own_stack, tmp_path)
    yield runner
    runner.stop()


def quickly(work: Callable[[], object], limit_s: float = QUICK_S) -> None:
    begun = time.monotonic()
    work()
    assert time.monotonic() - begun < limit_s


@pytest.mark.parametrize("fault", ["frozen", "killed"])
def test_calls_and_registrations_go_on_and_everything_catches_up(
    own_stack: Distributed,
    own_sipp: SippRunner,
    postgres_server: PostgresServer,  # noqa: F811
    fault: str,
) -> None:
    own_stack.wait_whole()
    callee = own_sipp.answering()
    before = {line: own_stack.count_log("runsip", line) for line in AWAY_LINES}
    with raw_call(own_stack) as long_call:
        if fault == "killed":
            postgres_server.kill()
            ended = meanwhile(own_stack, own_sipp, callee.username)
            postgres_server.start()
        else:
            with postgres_server.frozen():
                ended = meanwhile(own_stack, own_sipp, callee.username)
        own_stack.wait_whole(CAUGHT_UP_S)
        assert long_call.flows()
        assert long_call.hang_up().status == 200
        long_id = long_call.caller.call_id
    for call_id in (ended, long_id):
        assert own_stack.cdr(call_id, timeout_s=CAUGHT_UP_S)["disposition"] == "ANSWERED"
    assert {line: own_stack.count_log("runsip", line) - before[line] for line in AWAY_LINES} == dict.fromkeys(
        AWAY_LINES, 1
    )
    name = {"frozen": "7001", "killed": "7002"}[fault]
    new = {"account": "switchboard.local", "username": name, "extension": name, "password": password(name)}
    own_stack.seed({"users": [new]})
    time.sleep(1.0)
    own_sipp.register(own_stack.phone(name))
    own_stack.wait_until(lambda: own_stack.page("/admin/login/")[0] == 200, CAUGHT_UP_S, "the login page")


def meanwhile(stack: Distributed, sipp: SippRunner, callee: str) -> str:
    """Use everything while the database is away; return the Call-ID of a call that ended."""
    phone = stack.phone()
    quickly(lambda: sipp.register(phone))
    quickly(lambda: sipp.register(phone))
    calls = []
    quickly(
        lambda: calls.append(
            sipp.run("uac-call-answered", stack.phone(), to=callee, options=("-d", "300")).call_id
        )
    )
    stack.wait_until(
        lambda: stack.degraded() == {"database", "cdr_delivery"}, NOTICED_S, "health tells of it"
    )
    assert stack.health()[0] == 200
    for path in ("/admin/", "/api/v1/users"):
        status, text, took_s = stack.page(path)
        assert (status, took_s < PAGE_S) == (503, True), (path, status, took_s, text[:300])
        assert "The database does not answer" in text
    assert stack.page("/health")[0] == 200
    return calls[0]


def test_the_pages_log_one_line_for_one_outage(own_stack: Distributed) -> None:
    # Two outages, by the test above.
    assert own_stack.count_log("runui", "database.away") == 2
    assert own_stack.count_log("runui", "database.back") == 2
    assert own_stack.count_log("runui", "Traceback") == 0


def test_a_node_that_is_started_before_its_database_says_so_and_begins_when_it_comes(
    own_stack: Distributed,
    own_sipp: SippRunner,
    postgres_server: PostgresServer,  # noqa: F811
) -> None:
    own_stack.wait_whole()
    own_stack.kill("runsip", signal.SIGTERM)
    postgres_server.stop()
    own_stack.begin("runsip")

    def says_so() -> bool:
        status, body = own_stack.health()
        return status == 503 and "STARTING" in [each["code"] for each in body["problems"]]

    own_stack.wait_until(says_so, 20, "health tells what the start waits for")
    assert own_stack.rest("GET", "health?liveness=true")[0] == 200
    postgres_server.start()
    own_stack.wait_whole()
    callee = own_sipp.answering()
    call = own_sipp.run("uac-call-answered", own_stack.phone(), to=callee.username, options=("-d", "200"))
    assert own_stack.cdr(call.call_id)["disposition"] == "ANSWERED"


@pytest.mark.parametrize("serves", [True, False])
def test_a_node_whose_database_hangs_can_be_stopped(
    own_stack: Distributed,
    postgres_server: PostgresServer,  # noqa: F811
    serves: bool,
) -> None:
    own_stack.wait_whole()
    if not serves:
        own_stack.kill("runsip", signal.SIGTERM)
    with postgres_server.frozen():
        if not serves:
            own_stack.begin("runsip")
            socket = own_stack.var / f"live-{own_stack.ports.api}.sock"
            own_stack.wait_until(socket.exists, 20, "the start waits for the database")
        time.sleep(0.5)
        begun = time.monotonic()
        assert own_stack.kill("runsip", signal.SIGTERM) == 0
        assert time.monotonic() - begun < 9
    own_stack.run("runsip")
    own_stack.wait_whole()
