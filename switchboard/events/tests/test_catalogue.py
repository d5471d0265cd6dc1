# SPDX-License-Identifier: Apache-2.0
"""The catalogue, its JSON form and its schemas."""

import json

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from switchboard.events import CATALOGUE, to_json
from switchboard.events.catalogue import json_of, rfc3339, values_of
from switchboard.events.page import KEYS, PAGE, page
from switchboard.events.schema import DIRECTORY, files, schema_of
from switchboard.events.subjects import subject_of, token
from switchboard.events.tests.samples import sample


def validator(event_type: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(CATALOGUE[event_type]), format_checker=FormatChecker())


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_every_event_validates_against_its_schema(event_type):
    validator(event_type).validate(to_json(sample(event_type)))


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_an_event_without_one_of_its_fields_does_not_validate(event_type):
    complete = to_json(sample(event_type))
    for name in complete:
        rest = {key: value for key, value in complete.items() if key != name}
        assert not validator(event_type).is_valid(rest), name


def test_the_committed_schemas_are_current():
    assert {path: path.read_text() for path in DIRECTORY.glob("*.json")} == files(), "run: make docs"


def test_every_field_is_described():
    for event in CATALOGUE.values():
        for name, field in schema_of(event)["properties"].items():
            assert field["description"].endswith("."), (event.event_type, name)


def test_the_short_form_holds_everything():
    for event_type in CATALOGUE:
        event = sample(event_type)
        assert json_of(event_type, list(values_of(event))) == to_json(event)
        json.dumps(to_json(event))


def test_times_are_rfc_3339_with_a_fraction():
    assert rfc3339(1_700_000_000) == "2023-11-14T22:13:20.000000Z"
    assert to_json(sample("registration.expired"))["expires_at"] == "2023-11-14T22:13:20.250000Z"


def test_the_page_of_events_is_current():
    assert PAGE.read_text() == page(), "run: make docs"


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_the_page_names_the_subjects_as_they_are(event_type):
    family, kind = event_type.split(".")
    event = sample(event_type)
    key = getattr(event, KEYS[family])
    assert subject_of(event) == f"switchboard.{family}s.{token(key)}.{kind}"
    assert f"`switchboard.{family}s.{{{KEYS[family]}}}.{{event}}`" in page()
