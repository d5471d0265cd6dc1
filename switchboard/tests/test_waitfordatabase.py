# SPDX-License-Identifier: Apache-2.0
"""Waiting for the database, on a clock that moves by itself."""

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from switchboard.management.commands import waitfordatabase
from switchboard.management.commands.waitfordatabase import wait


class Clock:
    """Time that passes in `sleep` alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, duration_s: float) -> None:
        self.now += duration_s


def test_it_says_each_reason_once_and_returns_when_nothing_is_missing():
    clock, said = Clock(), []
    answers = iter(["away", "away", "2 migrations", "2 migrations", ""])
    left = wait(lambda: next(answers), said.append, 60, clock=clock, sleep=clock.sleep)
    assert (left, said) == ("", ["waiting: away", "waiting: 2 migrations"])
    assert clock.now == 4 * waitfordatabase.POLL_S


def test_it_gives_up_in_the_end():
    clock = Clock()
    assert wait(lambda: "away", lambda line: None, 60, clock=clock, sleep=clock.sleep) == "away"
    assert 60 < clock.now < 62


@pytest.mark.django_db(transaction=True)
def test_a_migrated_database_is_not_waited_for(capsys):
    call_command("waitfordatabase", migrated=True, timeout_s=0)
    assert capsys.readouterr().out == ""


def test_the_reason_names_what_the_driver_said(monkeypatch):
    def refuse() -> None:
        raise OperationalError(
            "connection to server failed: FATAL: server is starting up\n\tIs the server running on that host?"
        )

    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(connection, "ensure_connection", refuse)
    with pytest.raises(CommandError, match="server is starting up"):
        call_command("waitfordatabase", timeout_s=-1)
