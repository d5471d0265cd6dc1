# SPDX-License-Identifier: Apache-2.0
"""Every operation of the live API, called with what its description allows and with what it does not.

Seeded and bounded, as the fuzzing of the ui role's API (`switchboard.tests.test_api_fuzz`).
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from signaling.api import sse
from signaling.api.schema import describe
from signaling.api.streams import EventStream
from switchboard.tests.world import MARKS

EXAMPLES = int(os.environ.get("SWITCHBOARD_FUZZ_EXAMPLES", "15"))
NOT_ASKED = {
    "positive_data_acceptance",  # an account that is not there is refused, and no schema can say so
    "unsupported_method",
}
FORGIVING = {"GET /api/v1/health": {"negative_data_rejection"}}
"""A probe is answered whatever it asks besides."""
STREAM = "GET /api/v1/events"
"""Has no end, so `bounded` cuts it off after as many parts as this:"""
PARTS = 5
NAMES = {
    "aor": f"sip:{MARKS['alpha']}@alpha.example",
    "call_id": f"{MARKS['alpha']}@phone",
    "node_id": "rtp-1",
}
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _operations() -> dict[str, Any]:
    schema = schemathesis.openapi.from_dict(json.loads(describe()))
    schema.app = get_wsgi_application()
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return {operation.label: operation for operation in found}


OPERATIONS = _operations()


@pytest.fixture(autouse=True)
def open_connections() -> Iterator[None]:
    """Keep the test's transaction: the end of a WSGI request closes connections."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stream end by itself, and be quiet for no longer than a moment before it says so."""
    whole = sse.lines

    async def lines(stream: EventStream) -> AsyncGenerator[bytes, None]:
        parts = whole(stream)
        for _ in range(PARTS):
            yield await anext(parts)
        await parts.aclose()

    monkeypatch.setattr(sse, "lines", lines)
    monkeypatch.setattr("signaling.api.streams.KEEP_ALIVE_S", 0.001)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_call_fails_or_contradicts_the_description(label, mode, filled, people):
    row, text = people.token_row("root")
    row.rate_per_minute = 600_000
    row.save()
    not_asked = NOT_ASKED | FORGIVING.get(label, set())
    known = filled.publish("rtpmanager.up", tenant_id=None)
    filled.publish("call.received", tenant_id=str(people.alpha.pk))
    checks = [check for check in CHECKS.get_all() if check.__name__ not in not_asked]

    @BOUNDED
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode), existing=st.booleans())
    def call(case: Any, existing: bool) -> None:
        for name in case.path_parameters if existing else ():
            case.path_parameters[name] = NAMES[name]
        if label == STREAM and existing and mode is GenerationMode.POSITIVE:
            case.query, case.headers = {**case.query, "types": "call.*"}, {"Last-Event-ID": known}
        if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body = {**case.body, "account": "alpha.example"}
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {text}"}, checks=checks)
        statuses.add(answer.status_code)

    statuses: set[int] = set()
    try:
        call()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "an operation that cannot be called"
    if label == STREAM:
        assert (200 if mode is GenerationMode.POSITIVE else 400) in statuses
        assert filled.runtime.streams == set()
