# SPDX-License-Identifier: Apache-2.0
"""Killed processes and a database that does not answer: what was promised is kept, and nothing is cleaned by hand."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.attacks.calls import raw_call
from tests.sipp import Sipp, SippRunner
from tests.stack import Phone, Stack

pytestmark = pytest.mark.e2e

LONG = ("-d", "20000")


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose processes may be killed."""
    stack = Stack(tmp_path_factory.mktemp("faulty"), template)
    try:
        yield stack.start()
    finally:
        stack.stop()


@pytest.fixture
def own_sipp(own_stack: Stack, tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against that stack."""
    runner = SippRunner(own_stack, tmp_path)
    yield runner
    runner.stop()


def established(stack: Stack, sipp: SippRunner) -> tuple[Sipp, Phone]:
    """Start a long call and return it when it is answered, with the called phone."""
    callee = sipp.answering()
    call = sipp.start("uac-call-answered", stack.phone(), to=callee.username, options=LONG)
    stack.wait_until(lambda: "ACK sip:" in call.messages().partition("SIP/2.0 200")[2], 10, "the answer")
    return call, callee


def a_call_works(stack: Stack, sipp: SippRunner) -> None:
    """A fresh call between fresh phones, with its CDR."""
    callee = sipp.answering()
    call = sipp.run("uac-call-answered", stack.phone(), to=callee.username, options=("-d", "200"))
    assert stack.cdr(call.call_id)["disposition"] == "ANSWERED"
    with raw_call(stack) as heard:
        assert heard.flows()
        assert heard.hang_up().status == 200


def test_killed_signaling_comes_back_and_takes_calls(own_stack: Stack, own_sipp: SippRunner) -> None:
    established(own_stack, own_sipp)
    own_stack.kill("runsip")
    own_stack.run("runsip")
    a_call_works(own_stack, own_sipp)


def test_the_audio_of_a_call_outlives_its_signaling(own_stack: Stack) -> None:
    with raw_call(own_stack) as call:
        own_stack.kill("runsip")
        assert call.flows()
        own_stack.run("runsip")
        time.sleep(1.0)
        assert call.flows()


def test_killed_media_ends_the_calls_of_phones_that_do_not_follow_and_the_next_one_works(
    own_stack: Stack, own_sipp: SippRunner
) -> None:
    call, _ = established(own_stack, own_sipp)
    own_stack.kill("runrtp")
    own_stack.run("runrtp")
    row = own_stack.cdr(call.call_id, timeout_s=20)
    assert (row["hangup_by"], row["hangup_cause"]) == ("system", "media_error")
    time.sleep(1.0)
    a_call_works(own_stack, own_sipp)


def test_a_call_without_media_is_refused_and_the_next_one_works(
    own_stack: Stack, own_sipp: SippRunner
) -> None:
    callee = own_sipp.answering()
    own_stack.kill("runrtp")
    refused = own_sipp.run("uac-refused", own_stack.phone(), to=callee.username, STATUS=503)
    assert own_stack.cdr(refused.call_id)["disposition"] == "FAILED"
    own_stack.run("runrtp")
    time.sleep(1.5)
    a_call_works(own_stack, own_sipp)


def test_a_kill_right_after_bye_loses_no_record(own_stack: Stack) -> None:
    for _ in range(3):
        with raw_call(own_stack) as call:
            assert call.hang_up().status == 200
            own_stack.kill("runsip")
            own_stack.run("runsip")
            row = own_stack.cdr(call.caller.call_id)
            assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == (
                "ANSWERED",
                "caller",
                "normal",
            )


def test_bindings_survive_a_kill(own_stack: Stack, own_sipp: SippRunner) -> None:
    callee = own_sipp.register(own_stack.phone())
    query = "SELECT * FROM registrations WHERE aor = ?"
    own_stack.wait_until(lambda: bool(own_stack.rows(query, callee.aor)), 3, "the stored binding")
    own_stack.kill("runsip")
    own_stack.run("runsip")
    own_sipp.start("uas-answers", callee)
    call = own_sipp.run("uac-call-answered", own_stack.phone(), to=callee.username)
    assert own_stack.cdr(call.call_id)["disposition"] == "ANSWERED"


def test_signaling_is_back_within_a_second_or_two(own_stack: Stack) -> None:
    own_stack.kill("runsip")
    started = time.monotonic()
    own_stack.run("runsip")
    assert time.monotonic() - started < 5


def test_calls_go_on_while_the_database_is_locked_and_their_records_come_later(
    own_stack: Stack, own_sipp: SippRunner
) -> None:
    callee = own_sipp.answering()
    locked, unlock = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(own_stack.database, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            locked.set()
            unlock.wait(30)
            connection.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(10)
        started = time.monotonic()
        call = own_sipp.run("uac-call-answered", own_stack.phone(), to=callee.username, options=("-d", "300"))
        assert time.monotonic() - started < 4
        fresh = own_sipp.register(own_stack.phone())
        time.sleep(2)
        assert own_stack.cdrs(call.call_id) == []
    finally:
        unlock.set()
        holder.join()
    assert own_stack.cdr(call.call_id, timeout_s=15)["disposition"] == "ANSWERED"
    query = "SELECT * FROM registrations WHERE aor = ?"
    own_stack.wait_until(lambda: bool(own_stack.rows(query, fresh.aor)), 15, "the binding's row")


def test_processes_end_cleanly_on_sigterm(own_stack: Stack) -> None:
    import signal

    for command in ("runsip", "runrtp"):
        assert own_stack.kill(command, signal.SIGTERM) == 0, own_stack.logs()
    for command in ("runrtp", "runsip"):
        own_stack.run(command)
