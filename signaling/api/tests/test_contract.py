# SPDX-License-Identifier: Apache-2.0
"""What programs of existing installations rely on: addresses, fields, words and statuses. Adding is free here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from accounts.tests.rest import Rest
from signaling.api.schema import describe
from signaling.live.tables import RTPMANAGERS, Kind

DRAIN = "/api/v1/rtpmanagers/{node_id}/drain"
FIELDS = {
    "get /api/v1/health": "status timestamp",
    "get /api/v1/stats": "total_sessions active_sessions total_registrations active_dialogs uptime_seconds",
    "get /api/v1/registrations": "registrations[] aor contact expires registered_at expires_at user_agent",
    "get /api/v1/dialogs": "dialogs[] call_id local_tag remote_tag state direction from_uri to_uri remote_addr "
    "remote_port session_id created_at duration_seconds",
    "get /api/v1/sessions": "sessions[] session_id call_id local_addr local_port remote_addr remote_port codec "
    "state rtp_manager created_at",
    "get /api/v1/rtpmanagers": "members[] node_id address healthy drain_state session_count",
    f"post {DRAIN}": "message node_id mode total_sessions",
    f"get {DRAIN}": "node_id state mode total_sessions waiting_playback migrated_count failed_count errors "
    "started_at elapsed_seconds",
    f"delete {DRAIN}": "message node_id",
}
"""Operation → its fields, after ``list[]`` those of the list's entries."""
SUCCESS = {f"post {DRAIN}": 202}
ERRORS = {"400", "401", "403", "429", "503"}
WORDS = {
    ("Dialog", "state"): {"Initial", "Early", "WaitingACK", "Confirmed", "Terminating", "Terminated"},
    ("RtpManager", "drain_state"): {"active", "draining", "disabled"},
    ("DrainStatus", "state"): {"active", "draining", "disabled"},
    ("DrainStatus", "mode"): {"graceful", "aggressive"},
}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(describe())
    return read


@pytest.fixture
def answered(filled, people):
    """Call an operation as a platform admin."""
    filled.mirror.apply((Kind.ROWS, RTPMANAGERS.name, [("127.0.0.1:9090", "rtp-1", True, "active", 4, 96)]))
    rest = Rest(people.token("root"))

    def call(operation: str):
        method, path = operation.split()
        return rest(method, path.removeprefix("/api/v1/").format(node_id="rtp-1"))

    return call


@pytest.mark.parametrize(("operation", "promised"), FIELDS.items())
def test_every_operation_answers_its_fields(answered, operation, promised):
    answer = answered(operation)
    assert answer.status == SUCCESS.get(operation, 200)
    found, names = answer.body, promised.split()
    if names[0].endswith("[]"):
        (found, *_), names = found[names[0].removesuffix("[]")], names[1:]
    assert set(names) <= set(found)
    times = [value for name, value in found.items() if name.endswith("_at") or name == "timestamp"]
    assert all(value is None or RFC_3339.fullmatch(value) for value in times)


def test_the_pool_is_counted(answered):
    assert {"total_members", "healthy_members", "active_sessions"} <= set(
        answered("get /api/v1/rtpmanagers").body
    )


@pytest.mark.parametrize("operation", FIELDS)
def test_errors_have_one_shape_and_the_agreed_statuses(described, operation):
    method, path = operation.split()
    responses = described["paths"][path][method]["responses"]
    if operation == "get /api/v1/health":
        assert set(responses) == {"200", "503"}
        return
    assert set(responses) >= ERRORS
    assert ("404" in responses) == ("{" in path)
    assert ("409" in responses) == (path == DRAIN and method != "get")
    for status in set(responses) - {str(SUCCESS.get(operation, 200))}:
        shape = responses[status]["content"]["application/json"]["schema"]
        assert shape == {"$ref": "#/components/schemas/Problem"}
    assert {"error", "code"} == set(described["components"]["schemas"]["Problem"]["required"])


@pytest.mark.parametrize(("place", "words"), WORDS.items())
def test_states_have_the_agreed_words(described, place, words):
    schemas = described["components"]["schemas"]
    field = json.dumps(schemas[place[0]]["properties"][place[1]])
    enums = [schemas[name] for name in re.findall(r"#/components/schemas/(\w+)", field)]
    assert words <= {word for enum in enums for word in enum.get("enum", [])}
