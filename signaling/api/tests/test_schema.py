# SPDX-License-Identifier: Apache-2.0
"""The description of the live API, and answers that keep to it."""

from __future__ import annotations

import json

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from accounts.tests.rest import Rest
from signaling.api.schema import SNAPSHOT, describe

READS = {
    "stats": "Stats",
    "calls": "CallList",
    "dialogs": "DialogList",
    "sessions": "SessionList",
    "registrations": "RegistrationList",
    "rtpmanagers": "RtpManagerList",
    "calls/uuid-mark-of-alpha": "Call",
    "rtpmanagers/rtp-1/drain": "DrainStatus",
    "health": "Health",
}


def test_the_committed_description_is_current():
    assert SNAPSHOT.read_text() == describe(), "make docs writes it anew"


def test_the_description_is_valid_and_leaves_nothing_to_guess():
    GENERATOR_STATS.reset()
    validate_schema(json.loads(describe()))
    assert not GENERATOR_STATS


@pytest.mark.parametrize(("path", "component"), READS.items())
def test_every_answer_keeps_to_its_description(filled, people, path, component):
    described = json.loads(describe())
    answer = Rest(people.token("root")).get(path)
    assert answer.status == 200
    schema = {"$ref": f"#/components/schemas/{component}", "components": described["components"]}
    Draft202012Validator(schema).validate(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "body", "component"),
    [
        ("post", "calls", {"user": "1001", "number": "1002", "account": "alpha.example"}, "Originated"),
        ("delete", "calls/uuid-mark-of-alpha", None, "HungUp"),
        ("post", "rtpmanagers/rtp-1/drain", None, "DrainStarted"),
        ("delete", "rtpmanagers/rtp-1/drain", None, "DrainCancelled"),
    ],
)
def test_every_answer_to_a_command_keeps_to_its_description(filled, people, method, path, body, component):
    described = json.loads(describe())["components"]["schemas"][component]
    answer = Rest(people.token("root"))(method, path, body)
    assert answer.status < 300
    assert set(described["properties"]) == set(answer.body)


@pytest.mark.parametrize(("path", "component"), READS.items())
def test_every_described_field_is_answered(filled, people, path, component):
    described = json.loads(describe())["components"]["schemas"]
    body = Rest(people.token("root")).get(path).body
    for name, value in {component: body, **_items(described, component, body)}.items():
        assert set(described[name]["properties"]) == set(value), name


def _items(described, component, body):
    found = {}
    for field, schema in described[component]["properties"].items():
        reference = schema.get("items", {}).get("$ref", "")
        if reference and body[field]:
            found[reference.rpartition("/")[2]] = body[field][0]
    return found


def test_the_description_is_served_to_who_shows_a_token(people, client):
    assert client.get("/api/schema").status_code == 401
    headers = {"authorization": f"Bearer {people.token('vera')}", "accept": "application/json"}
    assert client.get("/api/schema", headers=headers).json()["info"]["title"] == "Switchboard, live"
