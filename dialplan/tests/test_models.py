# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.tests.factories import make_account
from dialplan.models import Route

pytestmark = pytest.mark.django_db
ECHO = [{"type": "echo", "params": {}}]


def route(**fields: Any) -> Route:
    return Route(**({"id": "r1", "name": "A route", "pattern": "1*", "actions": ECHO} | fields))


def errors_of(row: Route, exclude: list[str] | None = None) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        row.full_clean(exclude=exclude)
    return caught.value.message_dict


def test_a_valid_route_passes() -> None:
    route().full_clean()


def test_a_problem_in_an_action_is_told_at_the_field_with_its_path() -> None:
    actions = [*ECHO, {"type": "dial", "params": {"target": "user/${number}", "timeout": 0}}]
    assert errors_of(route(actions=actions)) == {
        "actions": [
            (
                "actions[1].params.target: ${number} is no variable; there are ${destination}, ${caller_id}, "
                "${caller_name}, ${call_id}"
            ),
            "actions[1].params.timeout: must be at least 1",
        ]
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pattern", "[1", "the [ at character 1 is never closed"),
        ("priority", 2_000_000, "must be at most 1000000"),
        ("actions", [], "This field cannot be blank."),
        ("id", "a b", "must be up to 64 letters, digits and . _ : - and start with a letter or digit"),
        ("name", "a\tb", "must have no control characters"),
    ],
)
def test_a_problem_in_a_column_is_told_once_and_at_that_column(field: str, value: Any, message: str) -> None:
    assert errors_of(route(**{field: value})) == {field: [message]}


def test_a_form_that_leaves_out_the_broken_column_is_not_stopped() -> None:
    row = route(actions=[{"type": "dance"}])
    row.full_clean(exclude=["actions"])
    assert list(errors_of(row)) == ["actions"]


def test_a_row_written_past_the_checks_tells_its_problems_when_it_is_read() -> None:
    Route.objects.create(id="r1", name="n", pattern="1", actions={"no": "list"})
    with pytest.raises(ValueError, match="route r1: actions: must be a list"):
        Route.objects.get().document()


def test_an_account_takes_its_routes_along() -> None:
    account = make_account()
    route(account=account).save()
    route(id="r2").save()
    account.delete()
    assert list(Route.objects.values_list("id", flat=True)) == ["r2"]


@pytest.mark.parametrize("metadata", [{}, {"path": 3}, []])
def test_a_route_made_by_hand_has_no_source(metadata: Any) -> None:
    assert route(metadata=metadata).source == ""
