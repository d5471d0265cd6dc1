# SPDX-License-Identifier: Apache-2.0
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from cdrs.models import CDR, DailyRollup
from cdrs.tests.factories import make_call

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> dict[str, Any]:
    output = io.StringIO()
    call_command("cdrs", *arguments, "--json", stdout=output)
    result: dict[str, Any] = json.loads(output.getvalue())
    return result


@pytest.fixture
def calls() -> None:
    for days in (0, 1, 5, 40):
        make_call(invite_time=now() - timedelta(days=days))


def test_rollup_adds_up_every_past_day(calls: None) -> None:
    assert run("rollup") == {"days": 40}
    assert DailyRollup.objects.count() == 40


def test_rollup_adds_up_one_day(calls: None) -> None:
    day = (now() - timedelta(days=5)).date()
    assert run("rollup", "--day", f"{day}") == {"days": 1, "calls": 1}


def test_rollup_refuses_today(calls: None) -> None:
    with pytest.raises(CommandError, match="not over"):
        run("rollup", "--day", f"{now():%Y-%m-%d}")


def test_prune_keeps_all_unless_it_is_told_how_much(calls: None) -> None:
    assert run("prune") == {"deleted": 0, "kept": "for ever"} and CDR.objects.count() == 4


def test_prune_keeps_the_days_of_the_setting_or_of_the_command(calls: None, settings: Any) -> None:
    settings.CDR_RETENTION_DAYS = 30
    assert run("prune") == {"deleted": 1, "kept": "30 days"}
    assert run("prune", "--days", "2") == {"deleted": 1, "kept": "2 days"}


def test_json_may_be_asked_for_in_front_of_the_verb(calls: None) -> None:
    output = io.StringIO()
    call_command("cdrs", "--json", "prune", stdout=output)
    assert json.loads(output.getvalue())["deleted"] == 0


def test_prune_refuses_to_delete_all(calls: None) -> None:
    with pytest.raises(CommandError, match="one day"):
        run("prune", "--days", "0")


def test_runcdr_refuses_to_run_without_nats(settings: Any) -> None:
    settings.NATS_URL = ""
    with pytest.raises(CommandError, match="NATS_URL is not set"):
        call_command("runcdr")
