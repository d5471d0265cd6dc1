# SPDX-License-Identifier: Apache-2.0
"""Every operation of the REST API, called with what its description allows and with what it does not.

Seeded and bounded: the same calls in each run. SWITCHBOARD_FUZZ_EXAMPLES sets the calls of an operation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from accounts.tests.factories import make_user
from accounts.tests.people import People, make_people
from dialplan.models import Route
from media.tests.factories import make_prompt

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("SWITCHBOARD_FUZZ_EXAMPLES", "15"))
NOT_ASKED = {
    "positive_data_acceptance",  # a name that is taken is refused, and no schema can say so
    "unsupported_method",
}
TENANT_ROWS = ("users", "routes", "tokens", "dialplan")
DOCUMENTS = ("POST /api/v1/dialplan/import", "GET /api/v1/dialplan/export")
"""The account stands in the query, as the body is a document."""
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _operations() -> dict[str, Any]:
    generator = SchemaGenerator(urlconf="switchboard.urls")
    described = generator.get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(described)
    schema.app = get_wsgi_application()
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return {operation.label: operation for operation in found}


def _fits_a_form(body: Any) -> bool:
    """Return whether the client sends all of it: it writes neither what is no object nor a part that is empty."""
    return isinstance(body, dict) and all(value not in ("", b"", None, [], {}) for value in body.values())


OPERATIONS = _operations()


@pytest.fixture(autouse=True)
def open_connections() -> Iterator[None]:
    """Keep the test's transaction: the end of a WSGI request closes connections."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def rows(people: People) -> dict[str, str]:
    """Return the id of a row for each kind of address."""
    token, _ = people.token_row("vera")
    actions = [{"type": "echo", "params": {}}]
    route = Route.objects.create(id="r1", account=people.alpha, name="n", pattern="1", actions=actions)
    return {
        "accounts": str(people.alpha.pk),
        "users": str(make_user(people.alpha).pk),
        "routes": route.id,
        "tokens": str(token.pk),
        "prompts": str(make_prompt("n", people.alpha).pk),
    }


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_call_fails_or_contradicts_the_description(
    label: str, mode: GenerationMode, people: People, rows: dict[str, str]
) -> None:
    row, text = people.token_row("root")
    row.rate_per_minute = 600_000
    row.save()
    kind = label.split("/api/v1/")[1].split("/")[0]
    checks = [check for check in CHECKS.get_all() if check.__name__ not in NOT_ASKED]

    @BOUNDED
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode), existing=st.booleans())
    def call(case: Any, existing: bool) -> None:
        if mode is GenerationMode.NEGATIVE and case.media_type == "multipart/form-data":
            assume(_fits_a_form(case.body))
        if existing and kind in rows and "{" in label:
            name = next(iter(case.path_parameters))
            case.path_parameters[name] = rows[kind]
        if label in DOCUMENTS and existing and mode is GenerationMode.POSITIVE:
            case.query = {**case.query, "account": rows["accounts"], "shared": False}
        elif mode is GenerationMode.POSITIVE and isinstance(case.body, dict) and kind in TENANT_ROWS:
            case.body = {**case.body, "account": rows["accounts"]}
        if mode is GenerationMode.POSITIVE and existing and isinstance(case.body, str):
            case.body, case.query = "extension\n1005\n", {"account": rows["accounts"]}
        case.call_and_validate(headers={"Authorization": f"Bearer {text}"}, checks=checks)

    try:
        call()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "an operation that cannot be called"


def test_every_operation_of_the_api_is_walked() -> None:
    assert {"GET /api/v1/users", "POST /api/v1/users/import", *DOCUMENTS} <= set(OPERATIONS)
