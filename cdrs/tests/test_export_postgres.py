# SPDX-License-Identifier: Apache-2.0
import uuid
from collections.abc import Iterator
from typing import Any

import environ
import pytest
from django.db import OperationalError, connections

from cdrs.export.rows import pieces
from cdrs.models import CDR
from cdrs.tests import test_export
from cdrs.tests.conftest import extra_database
from cdrs.tests.factories import make_call
from cdrs.tests.test_export import ExportCases
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgres

HURRY_MS = 200
OPTIONS = {
    "options": f"-c search_path=switchboard,public -c statement_timeout={HURRY_MS}",
    "connect_timeout": 2,
    "answer_timeout": 5.0,
}


@pytest.fixture(scope="module")
def migrated(postgres_server: PostgresServer, django_db_blocker: Any) -> Iterator[str]:  # noqa: F811
    url = postgres_server.create_database(f"cdrs_{uuid.uuid4().hex[:8]}")
    config = {**environ.Env.db_url_config(url), "ENGINE": "switchboard.postgres", "OPTIONS": OPTIONS}
    with extra_database("cdr_export", config, django_db_blocker) as alias:
        yield alias


@pytest.fixture
def database(migrated: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, in which the factories of calls store theirs too."""
    CDR.objects.using(migrated).all().delete()
    for name in ("make_call", "make_answered"):
        make = getattr(test_export, name)
        monkeypatch.setattr(test_export, name, lambda make=make, **values: make(using=migrated, **values))
    return migrated


class TestOnPostgres(ExportCases):
    def test_a_file_may_take_longer_than_any_page(self, database: str) -> None:
        for _ in range(3):
            make_call(using=database)
        slow = CDR.objects.using(database).extra(where=["pg_sleep(0.15) IS NOT NULL"])
        assert sum(piece.rows for piece in pieces(slow)) == 3
        with (
            connections[database].cursor() as cursor,
            pytest.raises(OperationalError, match="statement timeout"),
        ):
            cursor.execute("SELECT pg_sleep(2)")
