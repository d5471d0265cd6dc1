# SPDX-License-Identifier: Apache-2.0
"""Migrations of routes on PostgreSQL, where a version before may go on beside this one."""

import uuid
from collections.abc import Iterator
from typing import Any

import environ
import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from cdrs.tests.conftest import extra_database
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgres

BEFORE = ("dialplan", "0002_history")


@pytest.fixture
def database(postgres_server: PostgresServer, django_db_blocker: Any) -> Iterator[str]:  # noqa: F811
    """A migrated database."""
    url = postgres_server.create_database(f"routes_{uuid.uuid4().hex[:8]}")
    config = {**environ.Env.db_url_config(url), "OPTIONS": {"connect_timeout": 2}}
    with extra_database("routes", config, django_db_blocker) as alias:
        yield alias


def save_as_before(alias: str, route: str) -> None:
    """Save a route and its history as the version of `BEFORE` does."""
    state = MigrationExecutor(connections[alias]).loader.project_state([BEFORE])
    state.apps.get_model("dialplan", "Route").objects.using(alias).create(id=route, name="Old", pattern="1")
    history = state.apps.get_model("dialplan", "HistoricalRoute")
    history.objects.using(alias).create(
        id=route, name="Old", pattern="1", history_date="2026-11-23T12:00:00Z", history_type="+"
    )


def uids(alias: str, table: str) -> list[str]:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT uid FROM {table} ORDER BY id")
        return [uid for (uid,) in cursor.fetchall()]


def test_a_process_of_the_version_before_saves_routes_while_this_one_is_rolled_out(database):
    save_as_before(database, "route-1")
    save_as_before(database, "route-2")
    for table in ("dialplan_routes", "dialplan_routes_history"):
        assert [len(uid) for uid in uids(database, table)] == [32, 32]


def test_there_is_a_way_back_and_forth_again(database):
    call_command("migrate", *BEFORE, database=database, verbosity=0)
    save_as_before(database, "route-1")
    call_command("migrate", "dialplan", database=database, verbosity=0)
    save_as_before(database, "route-2")
    first, second = uids(database, "dialplan_routes")
    assert first == "route-1"
    assert len(second) == 32
