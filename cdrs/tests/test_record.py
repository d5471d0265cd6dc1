# SPDX-License-Identifier: Apache-2.0
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdrs import models
from cdrs.record import (
    CallRecord,
    Disposition,
    EndReason,
    HangupBy,
    RecordError,
    disposition_for,
    new_record_id,
)
from cdrs.tests.conftest import NOON, RecordMaker

times = st.none() | st.floats(0, 4e9)
texts = st.text(st.characters(), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda x: st.lists(x) | st.dictionaries(texts, x),
    max_leaves=8,
)
records = st.builds(
    CallRecord,
    id=texts,
    call_id=texts,
    invite_time=st.floats(0, 4e9),
    account_id=st.none() | texts.filter(bool),
    caller_number=texts,
    caller_name=texts,
    caller_ip=st.none() | texts.filter(bool),
    ring_time=times,
    answer_time=times,
    end_time=times,
    disposition=st.none() | st.sampled_from(Disposition),
    hangup_cause=st.none() | st.sampled_from(EndReason),
    hangup_by=st.none() | st.sampled_from(HangupBy),
    sip_status=st.none() | st.integers(0, 999),
    rtp_packets_lost=st.integers(0),
    rtp_jitter_ms=st.none() | st.floats(0, 1e6),
    codec=texts,
    metadata=st.dictionaries(texts, json_values, max_size=4),
)


# An empty id cannot come back: what is empty is not written.
@given(records.filter(lambda record: record.id and record.call_id))
def test_it_comes_back_from_its_json_unchanged(record: CallRecord) -> None:
    line = record.to_json()
    assert line.isascii() and "\n" not in line
    assert CallRecord.from_json(line) == record


@given(st.text() | st.binary())
def test_it_refuses_what_is_no_record_with_one_error(text: str | bytes) -> None:
    with pytest.raises(RecordError):
        CallRecord.from_json(text)


@given(st.dictionaries(st.sampled_from([*CallRecord.__slots__, "more"]), json_values))
def test_it_reads_or_refuses_any_object_of_its_version(content: dict[str, Any]) -> None:
    text = json.dumps({**content, "v": 1})
    try:
        assert isinstance(CallRecord.from_json(text), CallRecord)
    except RecordError:
        assert True


def test_it_ignores_fields_of_a_later_minor_form(make_record: RecordMaker) -> None:
    content = json.loads(make_record().to_json())
    assert CallRecord.from_json(json.dumps({**content, "added_later": 1})).id == content["id"]


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_it_refuses_versions_that_it_does_not_know(make_record: RecordMaker, version: object) -> None:
    content = json.loads(make_record().to_json())
    with pytest.raises(RecordError, match="version"):
        CallRecord.from_json(json.dumps({**content, "v": version}))


def test_it_keeps_the_record_when_its_metadata_are_not_json(make_record: RecordMaker) -> None:
    record = make_record(metadata={"socket": object()})
    assert CallRecord.from_json(record.to_json()).metadata == {"metadata_lost": "not representable as JSON"}


def test_it_measures_talking_from_answer_and_ringing_until_answer(make_ended: RecordMaker) -> None:
    record = make_ended()
    assert (record.duration_s, record.ring_duration_s) == (63.0, 3.0)


def test_it_measures_ringing_until_the_end_when_nobody_answered(make_record: RecordMaker) -> None:
    record = make_record(ring_time=NOON + 1)
    record.finish(NOON + 31, EndReason.NO_ANSWER, HangupBy.SYSTEM, 480)
    assert (record.duration_s, record.ring_duration_s) == (0.0, 30.0)
    assert record.disposition is Disposition.NO_ANSWER


@pytest.mark.parametrize("cause", EndReason)
def test_it_counts_a_call_that_was_answered_as_answered_however_it_ended(cause: EndReason) -> None:
    assert disposition_for(cause, answered=True) is Disposition.ANSWERED
    assert disposition_for(cause, answered=False) is not Disposition.ANSWERED


def test_it_makes_ids_that_are_version_7_uuids_and_sort_by_time() -> None:
    first, second = new_record_id(NOON, b"\xff" * 10), new_record_id(NOON + 0.001, b"\0" * 10)
    assert uuid.UUID(first).version == 7 and uuid.UUID(first).variant == uuid.RFC_4122
    assert first < second and str(uuid.UUID(second)) == second


def test_it_uses_the_words_of_the_database() -> None:
    assert {str(item) for item in Disposition} == set(models.Disposition.values)
    assert {str(item) for item in HangupBy} == set(models.HangupBy.values)
