# SPDX-License-Identifier: Apache-2.0
"""Pages and REST while the database is away."""

import json
import logging

import pytest
from django.db import DataError, InterfaceError, OperationalError
from django.test import RequestFactory
from django.urls import get_resolver
from structlog.testing import capture_logs

from switchboard import database_away


@pytest.fixture(autouse=True)
def no_outage(monkeypatch):
    monkeypatch.setattr(database_away, "outage", database_away.Outage())


def answer_to(error, path="/admin/", method="get"):
    """Return what a request gets whose view raised this."""
    try:
        raise error
    except Exception:
        answer = get_resolver().resolve_error_handler(500)
        return answer(getattr(RequestFactory(), method)(path))


@pytest.mark.parametrize("error", [OperationalError("no answer"), InterfaceError("the connection is closed")])
def test_a_page_says_so_with_503_and_loads_itself_again(error):
    answer = answer_to(error)
    text = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The database does not answer" in text and 'http-equiv="refresh"' in text


def test_what_was_sent_is_not_sent_again_by_itself():
    text = answer_to(OperationalError("no answer"), method="post").content.decode()
    assert 'http-equiv="refresh"' not in text and "was not saved" in text


def test_rest_says_so_in_its_own_shape():
    answer = answer_to(OperationalError("no answer"), "/api/v1/users")
    assert answer.status_code == 503
    assert json.loads(answer.content) == {"error": "The database does not answer.", "code": "UNAVAILABLE"}


@pytest.mark.parametrize("error", [DataError("too long"), ValueError("a mistake")])
def test_any_other_error_stays_one(error):
    assert answer_to(error, "/api/v1/users").status_code == 500


def test_an_outage_is_logged_once_and_its_end_too():
    with capture_logs() as lines:
        for _ in range(3):
            answer_to(OperationalError("connection refused\nIs the server running?"))
        database_away.outage.ends()
        database_away.outage.ends()
        answer_to(OperationalError("connection refused"))
    assert [line["event"] for line in lines] == ["database.away", "database.back", "database.away"]


def test_answers_with_503_make_no_lines_and_mistakes_do():
    def record(status):
        made = logging.LogRecord("django.request", logging.ERROR, "", 0, "%s", (), None)
        made.status_code = status
        return made

    assert [database_away.is_worth_a_line(record(status)) for status in (503, 500, 404)] == [
        False,
        True,
        True,
    ]
