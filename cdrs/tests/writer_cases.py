# SPDX-License-Identifier: Apache-2.0
"""What the database sink must do on every database; run by one test module for each."""

from __future__ import annotations

import random
import uuid
from typing import Any

from cdrs.models import CDR, Recording
from cdrs.record import CallRecord
from cdrs.tests.conftest import NOON, RecordMaker
from cdrs.writer import DatabaseSink


class SinkCases:
    """Inherit this in a class whose module has the fixture ``database``: the alias of an empty migrated database."""

    def stored(self, database: str) -> dict[str, str]:
        return {str(pk): call_id for pk, call_id in CDR.objects.using(database).values_list("pk", "call_id")}

    def test_it_stores_what_the_record_says(self, database: str, make_ended: RecordMaker) -> None:
        record = make_ended(
            account_id=str(uuid.uuid4()),
            caller_user_id=str(uuid.uuid4()),
            caller_name="Zoë",
            caller_ip="2001:db8::1",
            rtp_jitter_ms=0.0,
            metadata={"tags": ["a"]},
        )
        assert DatabaseSink(database).deliver([record]) == []
        row = CDR.objects.using(database).get()
        assert (str(row.pk), str(row.account_id), str(row.caller_user_id)) == (
            record.id,
            record.account_id,
            record.caller_user_id,
        )
        assert row.answer_time is not None and row.answer_time.timestamp() == NOON + 4
        assert (row.caller_name, row.caller_ip, row.rtp_jitter_ms) == ("Zoë", "2001:db8::1", 0.0)
        assert (row.duration_seconds, row.metadata) == (63.0, {"tags": ["a"]})

    def test_it_stores_a_record_once_however_often_it_comes(
        self, database: str, make_ended: RecordMaker
    ) -> None:
        records = [make_ended() for _ in range(20)]
        sink = DatabaseSink(database)
        for _ in range(3):
            assert sink.deliver(random.Random(1).sample(records * 2, 40)) == []
        assert self.stored(database) == {record.id: record.call_id for record in records}

    def test_it_keeps_the_first_of_two_records_with_one_id(
        self, database: str, make_ended: RecordMaker
    ) -> None:
        record = make_ended(codec="PCMU")
        cut_off = CallRecord.from_json(record.to_json())
        cut_off.codec = "none"
        sink = DatabaseSink(database)
        sink.deliver([record])
        sink.deliver([cut_off])
        assert CDR.objects.using(database).get().codec == "PCMU"

    def test_it_numbers_reused_call_ids(self, database: str, make_ended: RecordMaker) -> None:
        records = [make_ended(call_id="same") for _ in range(5)]
        sink = DatabaseSink(database)
        sink.deliver(records[:2])
        sink.deliver([records[1], *records[2:]])
        assert sorted(self.stored(database).values()) == ["same", "same-2", "same-3", "same-4", "same-5"]

    def test_it_stores_every_use_of_a_call_id_that_a_phone_never_changes(
        self, database: str, make_ended: RecordMaker
    ) -> None:
        records = [make_ended(call_id="x" * 400) for _ in range(40)]
        sink = DatabaseSink(database)
        sink.deliver(records)
        sink.deliver(records)
        assert set(self.stored(database)) == {record.id for record in records}

    def test_it_returns_bad_records_and_stores_the_others(
        self, database: str, make_ended: RecordMaker
    ) -> None:
        records = [make_ended() for _ in range(3)]
        bad = make_ended(account_id="seven")
        rejected = DatabaseSink(database).deliver([*records[:2], bad, records[2]])
        assert [item.record for item in rejected] == [bad] and "account_id" in rejected[0].reason
        assert set(self.stored(database)) == {record.id for record in records}

    def test_it_stores_texts_that_databases_dislike(self, database: str, make_ended: RecordMaker) -> None:
        record = make_ended(caller_name="a\0b\ud800", callee_number="9" * 999, metadata={"k\0": "\udfff\0"})
        assert DatabaseSink(database).deliver([record]) == []
        row = CDR.objects.using(database).get()
        assert (row.caller_name, row.callee_number, row.metadata) == ("ab?", "9" * 128, {"k": "?"})

    def test_it_stores_the_recordings_that_a_record_tells_of(
        self, database: str, make_ended: RecordMaker
    ) -> None:
        endings: list[dict[str, Any]] = [
            {"state": "complete", "ms": 1500, "bytes": 48_044},
            {},
            {"state": "failed", "detail": "full"},
        ]
        parts = [
            {
                "id": str(uuid.uuid4()),
                "file": f"account/2030-01-01/{number}.wav",
                "node": "rtp-1",
                "began": NOON + number,
                **more,
            }
            for number, more in enumerate(endings)
        ]
        nonsense = [{}, "x", {"id": "x", "file": "y.wav", "began": 0}, {**parts[0], "file": "../secret.wav"}]
        record = make_ended(
            account_id=str(uuid.uuid4()), metadata={"tags": ["a"], "recordings": [*parts, *nonsense]}
        )
        sink = DatabaseSink(database)
        for _ in range(2):
            assert sink.deliver([record, make_ended()]) == []
        rows = Recording.objects.using(database).order_by("began_at")
        assert [str(row.pk) for row in rows] == [part["id"] for part in parts]
        assert [(row.state, row.duration_ms, row.detail) for row in rows] == [
            ("complete", 1500, ""),
            ("interrupted", None, ""),
            ("failed", None, "full"),
        ]
        assert {(str(row.cdr_id), str(row.account_id), row.caller_number) for row in rows} == {
            (record.id, record.account_id, record.caller_number)
        }
        assert CDR.objects.using(database).get(pk=record.id).metadata == {"tags": ["a"]}
