# SPDX-License-Identifier: Apache-2.0
import json
import math
import uuid
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdrs.models import CDR
from cdrs.rows import COLUMNS, BadRecord, RowBuilder, address, document, text
from cdrs.tests.conftest import NOON, RecordMaker


def row_of(record: Any) -> dict[str, Any]:
    return dict(zip(COLUMNS, RowBuilder(connection).build(record), strict=True))


def test_it_fills_every_column_of_the_table() -> None:
    assert set(COLUMNS) == {field.column for field in CDR._meta.concrete_fields}


def test_it_carries_each_value_to_its_column(make_ended: RecordMaker) -> None:
    record = make_ended(
        caller_name="Alice", codec="PCMU", rtp_packets_sent=7, route_id="r", mos_score=4.2, metadata={"a": 1}
    )
    row = row_of(record)
    for name in (
        "caller_name",
        "codec",
        "rtp_packets_sent",
        "route_id",
        "mos_score",
        "sip_status",
        "call_id",
    ):
        assert row[name] == getattr(record, name)
    assert (row["duration_seconds"], row["ring_duration_seconds"]) == (63.0, 3.0)
    assert (row["disposition"], row["hangup_cause"], row["hangup_by"]) == ("ANSWERED", "normal", "caller")
    assert row["metadata"] == '{"a": 1}'


@given(st.text(st.characters(), max_size=400), st.integers(1, 300))
def test_it_makes_any_text_fit(value: str, width: int) -> None:
    result = text(value, width)
    assert len(result) <= width and "\0" not in result
    result.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("phone.example", None),
        ("", None),
        (None, None),
    ],
)
def test_it_stores_only_addresses_as_addresses(value: str | None, expected: str | None) -> None:
    assert address(value) == expected


def test_it_cleans_metadata_of_what_jsonb_refuses() -> None:
    stored = json.loads(document({"name": "a\0b", "list": ["\ud800"], "path": "\\u0000"}))
    assert stored == {"name": "ab", "list": ["?"], "path": "\\u0000"}


@pytest.mark.parametrize("spelling", [str, lambda u: str(u).upper(), lambda u: u.hex, lambda u: u.urn])
def test_it_stores_a_uuid_in_any_spelling_alike(make_ended: RecordMaker, spelling: Any) -> None:
    account = uuid.uuid4()
    expected = CDR._meta.get_field("account").get_db_prep_value(account, connection, prepared=False)
    assert row_of(make_ended(account_id=spelling(account)))["account_id"] == expected


@pytest.mark.parametrize(
    "values",
    [
        {"id": "not-a-uuid"},
        {"account_id": "seven"},
        {"invite_time": math.nan},
        {"ring_time": 1e300},
        {"rtp_packets_lost": -1},
        {"rtp_packets_sent": 2**63},
        {"mos_score": math.inf},
        {"metadata": {"x": math.nan}},
    ],
)
def test_it_refuses_what_no_database_can_store(make_ended: RecordMaker, values: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        row_of(make_ended(**values))


def test_it_refuses_a_call_that_has_not_ended(make_record: RecordMaker) -> None:
    with pytest.raises(BadRecord, match="not ended"):
        row_of(make_record(answer_time=NOON + 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jitter=st.floats(), lost=st.integers(), answered=st.none() | st.floats())
def test_it_builds_a_row_or_names_the_field_for_any_figures(
    make_ended: RecordMaker, jitter: float, lost: int, answered: float | None
) -> None:
    record = make_ended(rtp_jitter_ms=jitter, rtp_packets_lost=lost, answer_time=answered)
    try:
        row = row_of(record)
    except BadRecord:
        return
    assert row["rtp_packets_lost"] == lost and math.isfinite(row["duration_seconds"])
