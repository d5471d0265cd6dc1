# SPDX-License-Identifier: Apache-2.0
"""Connections to a server that is frozen, killed, slow, or that has none left."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError
from django.db.models import BinaryField

from switchboard.postgres.base import DatabaseWrapper
from switchboard.settings.database import POOL_RETRY_S
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgres

ANSWER_S = 1.0
Connect = Callable[..., DatabaseWrapper]


@pytest.fixture
def connect(postgres_server: PostgresServer, django_db_blocker: Any) -> Iterator[Connect]:  # noqa: F811
    """Makes connections to the server; options as in the settings."""
    made: list[DatabaseWrapper] = []

    def make(**options: Any) -> DatabaseWrapper:
        settings = {
            "ENGINE": "switchboard.postgres",
            "NAME": "switchboard",
            "USER": "postgres",
            "PASSWORD": "",
            "HOST": "127.0.0.1",
            "PORT": postgres_server.port,
            "OPTIONS": {"connect_timeout": 2, "answer_timeout": ANSWER_S, **options},
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": True,
            "AUTOCOMMIT": True,
            "ATOMIC_REQUESTS": False,
            "TIME_ZONE": None,
        }
        wrapper = DatabaseWrapper(settings, alias=f"bounded-{len(made)}-{time.monotonic_ns()}")
        made.append(wrapper)
        return wrapper

    with django_db_blocker.unblock():
        yield make
    for wrapper in made:
        wrapper.close()
        wrapper.close_pool()


def ask(wrapper: DatabaseWrapper, sql: str = "SELECT 41 + 1") -> Any:
    with wrapper.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def test_bytes_are_stored_as_they_are(connect: Connect) -> None:
    wrapper = connect()
    value = BinaryField().get_db_prep_value(b"\x00\xff'", wrapper)
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT %s::bytea", [value])
        assert bytes(cursor.fetchone()[0]) == b"\x00\xff'"


def took(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def fails(wrapper: DatabaseWrapper, sql: str = "SELECT 1") -> str:
    with pytest.raises((OperationalError, InterfaceError)) as caught:
        ask(wrapper, sql)
    return str(caught.value)


def test_a_connection_to_a_frozen_server_is_given_up_in_time_and_replaced(
    connect: Connect,
    postgres_server: PostgresServer,  # noqa: F811
) -> None:
    wrapper = connect()
    assert ask(wrapper) == 42
    with postgres_server.frozen():
        begun = time.monotonic()
        assert "has not answered for 1 s" in fails(wrapper)
        assert time.monotonic() - begun < 2 * ANSWER_S
        wrapper.close()
        begun = time.monotonic()
        fails(wrapper)
        assert time.monotonic() - begun < 4
    assert ask(wrapper) == 42


def test_a_long_question_is_answered_when_nobody_set_a_limit(connect: Connect) -> None:
    wrapper = connect(answer_timeout=None)
    assert took(lambda: ask(wrapper, "SELECT 1 FROM pg_sleep(1.5)")) > 1.4


def test_the_server_gives_up_first_and_the_connection_stays(connect: Connect) -> None:
    wrapper = connect(options="-c statement_timeout=300")
    assert "statement timeout" in fails(wrapper, "SELECT pg_sleep(5)")
    kept = wrapper.connection
    assert ask(wrapper) == 42 and wrapper.connection is kept


def test_a_download_may_last_longer_than_other_statements_and_its_connection_is_as_before_after_it(
    connect: Connect,
) -> None:
    wrapper = connect(options="-c statement_timeout=300", answer_timeout=0.5)
    wrapper.ensure_connection()
    with wrapper.connection.unhurried(10.0):
        assert took(lambda: ask(wrapper, "SELECT 1 FROM pg_sleep(0.8)")) > 0.7
    assert wrapper.connection.answer_timeout_s == 0.5
    assert "statement timeout" in fails(wrapper, "SELECT pg_sleep(5)")


def test_a_server_that_freezes_amid_a_download_is_given_up(
    connect: Connect,
    postgres_server: PostgresServer,  # noqa: F811
) -> None:
    wrapper = connect()
    wrapper.ensure_connection()
    begun = time.monotonic()
    given_up = pytest.raises(psycopg.OperationalError, match="has not answered")
    with given_up, wrapper.connection.unhurried(1.5), postgres_server.frozen():
        wrapper.connection.execute("SELECT 1")
    assert 1.4 < time.monotonic() - begun < 4


def test_a_pool_reuses_its_connections(connect: Connect) -> None:
    wrapper = connect(pool={"min_size": 1, "max_size": 1, "timeout": 5.0})
    pids = set()
    for _ in range(5):
        pids.add(ask(wrapper, "SELECT pg_backend_pid()"))
        wrapper.close()
    assert len(pids) == 1


@pytest.mark.parametrize("fault", ["frozen", "killed"])
def test_a_pool_without_a_server_says_so_in_time_and_recovers(
    connect: Connect,
    postgres_server: PostgresServer,  # noqa: F811
    fault: str,
) -> None:
    wrapper = connect(pool={"min_size": 1, "max_size": 4, "timeout": 1.5})
    ask(wrapper)
    wrapper.close()

    def away() -> None:
        for _ in range(2):
            begun = time.monotonic()
            fails(wrapper)
            assert time.monotonic() - begun < 4
            wrapper.close()

    if fault == "killed":
        postgres_server.kill()
        away()
        postgres_server.start()
    else:
        with postgres_server.frozen():
            away()
    deadline = time.monotonic() + 15
    while True:
        try:
            assert ask(wrapper) == 42
            break
        except OperationalError:
            wrapper.close()
            assert time.monotonic() < deadline


def test_a_pool_recovers_at_once_however_long_there_was_no_server(
    connect: Connect,
    postgres_server: PostgresServer,  # noqa: F811
) -> None:
    """By itself a pool waits twice as long after each failure: for a minute after an outage of a minute."""
    options = {"min_size": 1, "max_size": 4, "timeout": 0.5, "reconnect_timeout": POOL_RETRY_S}
    wrapper = connect(pool=options)
    assert ask(wrapper) == 42
    wrapper.close()
    postgres_server.stop()
    begun = time.monotonic()
    while time.monotonic() - begun < 8:
        fails(wrapper)
        wrapper.close()
    postgres_server.start()
    begun = time.monotonic()
    while time.monotonic() - begun < 3:
        try:
            assert ask(wrapper) == 42
            return
        except OperationalError:
            wrapper.close()
    pytest.fail("no connection though the server is there")
