# SPDX-License-Identifier: Apache-2.0
import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cdrs.journal import Journal
from cdrs.lock import DirectoryInUse
from cdrs.record import CallRecord, Disposition, EndReason, HangupBy
from cdrs.segments import ALIVE, ANSWERED, ENDED, STARTED, list_segments, read_lines
from cdrs.tests.conftest import NOON, RecordMaker, until

JournalMaker = Callable[..., Journal]


@pytest_asyncio.fixture
async def open_journal(tmp_path: Path) -> AsyncIterator[JournalMaker]:
    """Return a maker of open journals in one directory; each is closed before the next and at the end."""
    opened: list[Journal] = []

    def make(**options: Any) -> Journal:
        journal = Journal(tmp_path / "journal", "node", **{"commit_delay_s": 0.0, **options})
        journal.open()
        opened.append(journal)
        return journal

    yield make
    for journal in opened:
        await journal.close()


def ended_ids(tmp_path: Path) -> list[str]:
    return [
        CallRecord.from_json(line.body).id
        for path in list_segments(tmp_path / "journal")
        for line in read_lines(path)
        if line.kind == ENDED
    ]


async def test_it_has_the_record_on_disk_when_the_future_is_done(
    open_journal: JournalMaker, tmp_path: Path, make_ended: RecordMaker
) -> None:
    record = make_ended()
    assert await open_journal().call_ended(record) is True
    assert ended_ids(tmp_path) == [record.id]


async def test_it_syncs_once_for_all_calls_that_end_together(
    open_journal: JournalMaker, make_ended: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(commit_delay_s=0.05)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    assert await asyncio.gather(*(journal.call_ended(make_ended()) for _ in range(50))) == [True] * 50
    assert len(synced) == 1


async def test_it_begins_new_segments_and_loses_nothing(
    open_journal: JournalMaker, tmp_path: Path, make_ended: RecordMaker
) -> None:
    journal = open_journal(max_segment_bytes=2000)
    records = [make_ended() for _ in range(40)]
    for record in records:
        await journal.call_ended(record)
    assert len(list_segments(tmp_path / "journal")) > 5
    assert ended_ids(tmp_path) == [record.id for record in records]


async def test_it_answers_false_in_bounded_time_when_the_disk_hangs(
    open_journal: JournalMaker, tmp_path: Path, make_ended: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    journal = open_journal(max_wait_s=0.05)
    monkeypatch.setattr(os, "fdatasync", lambda fd: hanging.wait(10))
    before = time.monotonic()
    record = make_ended()
    assert await journal.call_ended(record) is False
    assert time.monotonic() - before < 2
    hanging.set()
    await journal.close()
    assert record.id in ended_ids(tmp_path)


async def test_it_answers_false_at_once_while_the_disk_is_known_to_refuse(
    open_journal: JournalMaker, make_ended: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(max_wait_s=60)
    broken = True
    real_write = os.write

    def write(fd: int, data: bytes) -> int:
        if broken:
            raise OSError(28, "No space left on device")
        return real_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    assert await journal.call_ended(make_ended()) is False
    assert "No space left" in str(journal.problem)
    assert journal.call_ended(make_ended()).result() is False
    broken = False
    await until(lambda: journal.problem is None)
    assert await journal.call_ended(make_ended()) is True
    assert journal.lost == 0


async def test_it_refuses_records_beyond_its_bound_while_the_disk_hangs(
    open_journal: JournalMaker, make_ended: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    journal = open_journal(max_held=10, max_wait_s=0.01)
    monkeypatch.setattr(os, "fdatasync", lambda fd: hanging.wait(10))
    await journal.call_ended(make_ended())
    results = await asyncio.gather(*(journal.call_ended(make_ended()) for _ in range(15)))
    hanging.set()
    assert results == [False] * 15
    assert journal.lost == 5


async def test_it_survives_a_caller_that_stops_waiting(
    open_journal: JournalMaker, make_ended: RecordMaker
) -> None:
    journal = open_journal(commit_delay_s=0.02)
    impatient = journal.call_ended(make_ended())
    impatient.cancel()
    assert await journal.call_ended(make_ended()) is True


async def test_it_tells_when_ended_calls_reached_the_disk(
    open_journal: JournalMaker, make_ended: RecordMaker, make_record: RecordMaker
) -> None:
    told: list[int] = []
    journal = open_journal(on_commit=lambda: told.append(1), note_delay_s=0.0)
    journal.call_started(make_record())
    await journal.call_ended(make_ended())
    assert told == [1]


async def test_it_refuses_a_directory_that_another_journal_uses(
    open_journal: JournalMaker, tmp_path: Path
) -> None:
    open_journal()
    with pytest.raises(DirectoryInUse, match=f"in use by process {os.getpid()}"):
        Journal(tmp_path / "journal", "other").open()


async def test_it_reports_a_call_that_was_never_ended_once(
    open_journal: JournalMaker, tmp_path: Path, make_record: RecordMaker
) -> None:
    journal = open_journal(note_delay_s=0.0)
    ringing, talking = make_record(), make_record(answer_time=NOON + 5, caller_name="Alice")
    journal.call_started(ringing)
    journal.call_answered(talking)
    await journal.close()
    again = Journal(tmp_path / "journal", "node")
    cut_off = {record.id: record for record in again.open()}
    await again.close()
    third = Journal(tmp_path / "journal", "node")
    assert third.open() == []
    await third.close()
    assert sorted(ended_ids(tmp_path)) == sorted([ringing.id, talking.id]) == sorted(cut_off)
    assert cut_off[ringing.id].disposition is Disposition.FAILED
    assert cut_off[talking.id].disposition is Disposition.ANSWERED
    assert cut_off[talking.id].caller_name == "Alice"
    assert cut_off[talking.id].hangup_cause is EndReason.ERROR
    assert cut_off[talking.id].hangup_by is HangupBy.SYSTEM
    assert cut_off[talking.id].metadata == {"cut_off": True}


async def kinds_written(journal: Journal, directory: Path) -> list[str | None]:
    await journal.close()
    return [line.kind for path in list_segments(directory / "journal") for line in read_lines(path)]


async def test_of_a_call_that_comes_further_at_once_only_the_last_state_is_written(
    open_journal: JournalMaker, tmp_path: Path, make_record: RecordMaker, make_ended: RecordMaker
) -> None:
    journal = open_journal(note_delay_s=10.0)
    talking, over = make_record(), make_ended()
    for record in (talking, over):
        journal.call_started(record)
        record.answer_time = NOON + 5
        journal.call_answered(record)
    assert journal.unwritten == 2
    assert await journal.call_ended(over) is True
    assert await kinds_written(journal, tmp_path) == ["segment", ENDED, ANSWERED]
    again = Journal(tmp_path / "journal", "node")
    (cut_off,) = again.open()
    await again.close()
    assert (cut_off.id, cut_off.answer_time) == (talking.id, NOON + 5)


async def test_a_call_that_takes_its_time_is_written_at_each_step(
    open_journal: JournalMaker, tmp_path: Path, make_record: RecordMaker
) -> None:
    journal = open_journal(note_delay_s=0.001)
    record = make_record()
    journal.call_started(record)
    await until(lambda: journal.unwritten == 0)
    record.answer_time = NOON + 5
    journal.call_answered(record)
    assert await kinds_written(journal, tmp_path) == ["segment", STARTED, ANSWERED]


async def test_it_dates_a_cut_off_call_by_the_last_sign_of_life(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    now = NOON
    journal = Journal(tmp_path / "journal", "node", clock=lambda: now, heartbeat_s=0.01, note_delay_s=0.0)
    journal.open()
    record = make_record(answer_time=NOON + 5)
    journal.call_answered(record)
    now = NOON + 120.0
    newest = list_segments(tmp_path / "journal")[-1]
    await until(lambda: any(b"120.0" in line.body for line in read_lines(newest) if line.kind == ALIVE))
    await journal.close()
    again = Journal(tmp_path / "journal", "node", clock=lambda: NOON + 9999)
    (cut_off,) = again.open()
    await again.close()
    assert cut_off.end_time == NOON + 120 and cut_off.duration_s == 115


async def test_it_writes_no_signs_of_life_without_calls(
    open_journal: JournalMaker, tmp_path: Path, make_ended: RecordMaker
) -> None:
    journal = open_journal(heartbeat_s=0.001)
    await journal.call_ended(make_ended())
    await asyncio.sleep(0.02)
    kinds = [line.kind for path in list_segments(tmp_path / "journal") for line in read_lines(path)]
    assert kinds == ["segment", ENDED]


async def test_it_keeps_open_calls_known_over_new_segments(
    open_journal: JournalMaker, tmp_path: Path, make_record: RecordMaker, make_ended: RecordMaker
) -> None:
    journal = open_journal(max_segment_bytes=2000)
    still_open = make_record()
    journal.call_started(still_open)
    for _ in range(20):
        await journal.call_ended(make_ended())
    await journal.close()
    for old in list_segments(tmp_path / "journal")[:-1]:
        old.unlink()
    again = Journal(tmp_path / "journal", "node")
    assert [record.id for record in again.open()] == [still_open.id]
    await again.close()


async def test_it_writes_what_is_queued_when_it_is_closed(tmp_path: Path, make_ended: RecordMaker) -> None:
    journal = Journal(tmp_path / "journal", "node", commit_delay_s=10.0)
    journal.open()
    future = journal.call_ended(make_ended())
    await journal.close()
    assert len(ended_ids(tmp_path)) == 1
    assert await future is True


async def test_it_says_on_the_log_what_it_could_never_write(
    open_journal: JournalMaker,
    make_ended: RecordMaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = open_journal()

    def refuse(fd: int, data: bytes) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "write", refuse)
    record = make_ended()
    await journal.call_ended(record)
    await journal.close()
    assert any(record.id in message for message in caplog.messages)


async def test_it_starts_on_a_full_disk_and_writes_the_cut_off_calls_later(
    open_journal: JournalMaker, tmp_path: Path, make_record: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_journal(note_delay_s=0.0)
    record = make_record()
    first.call_started(record)
    await first.close()

    def refuse(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "write", refuse)
        full.setattr(os, "pwrite", refuse)
        again = open_journal()
        assert "No space left" in str(again.problem)
    await until(lambda: again.problem is None)
    assert ended_ids(tmp_path) == [record.id]


async def left_by(tmp_path: Path, *notes: tuple[str, Any]) -> None:
    """Have a journal told of calls, and end it as a crash would."""
    journal = Journal(tmp_path / "journal", "node", note_delay_s=0.0, commit_delay_s=0.0)
    journal.open()
    for method, arguments in notes:
        getattr(journal, method)(*arguments)
    await journal.close()


async def test_a_call_whose_state_was_noted_last_may_stay_open(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    going, other = make_record(answer_time=NOON + 5), make_record()
    await left_by(
        tmp_path,
        ("call_answered", (going,)),
        ("call_state", (going.id, '{"first": 1}')),
        ("call_state", (going.id, '{"second": 2}')),
        ("call_started", (other,)),
    )
    again = Journal(tmp_path / "journal", "node")
    assert [record.id for record in again.open(lambda call: True)] == [other.id]
    (left,) = again.left_open
    assert (left.record, left.state) == (going, '{"second": 2}')
    assert left.ended_at >= NOON + 5
    await again.close()


async def test_a_call_that_stays_open_is_known_to_every_later_process_until_it_ends(
    tmp_path: Path, make_record: RecordMaker
) -> None:
    record = make_record(answer_time=NOON + 5)
    await left_by(tmp_path, ("call_answered", (record,)), ("call_state", (record.id, "state")))
    for _ in range(2):
        journal = Journal(tmp_path / "journal", "node")
        assert journal.open(lambda call: True) == []
        assert [call.state for call in journal.left_open] == ["state"]
        await journal.close()
        for old in list_segments(tmp_path / "journal")[:-1]:
            old.unlink()
    journal = Journal(tmp_path / "journal", "node", commit_delay_s=0.0)
    journal.open(lambda call: True)
    record.finish(NOON + 9, EndReason.NORMAL, HangupBy.CALLER)
    assert await journal.call_ended(record) is True
    await journal.close()
    journal = Journal(tmp_path / "journal", "node")
    assert journal.open(lambda call: True) == [] and journal.left_open == []
    await journal.close()
    assert ended_ids(tmp_path) == [record.id]


@pytest.mark.parametrize("answer", [None, lambda call: False])
async def test_a_call_that_nobody_goes_on_with_is_cut_off(
    tmp_path: Path, make_record: RecordMaker, answer: Any
) -> None:
    record = make_record(answer_time=NOON + 5)
    await left_by(tmp_path, ("call_answered", (record,)), ("call_state", (record.id, "state")))
    journal = Journal(tmp_path / "journal", "node")
    (cut_off,) = journal.open(answer)
    await journal.close()
    assert cut_off.metadata == {"cut_off": True} and journal.left_open == []


async def test_a_state_that_comes_after_the_end_is_not_kept(tmp_path: Path, make_ended: RecordMaker) -> None:
    record = make_ended()
    await left_by(tmp_path, ("call_ended", (record,)), ("call_state", (record.id, "state")))
    journal = Journal(tmp_path / "journal", "node")
    assert journal.open(lambda call: True) == [] and journal.left_open == []
    await journal.close()


async def test_only_a_directory_without_any_journal_is_new(tmp_path: Path) -> None:
    for expected in (True, False):
        journal = Journal(tmp_path / "journal", "node")
        journal.open()
        assert journal.is_new is expected
        await journal.close()


async def test_many_open_calls_do_not_begin_a_segment_with_every_line(
    open_journal: JournalMaker, tmp_path: Path, make_record: RecordMaker, make_ended: RecordMaker
) -> None:
    journal = open_journal(max_segment_bytes=2000, note_delay_s=0.0)
    for _ in range(20):
        record = make_record()
        journal.call_answered(record)
        journal.call_state(record.id, "x" * 1000)
    for _ in range(20):
        await journal.call_ended(make_ended())
    assert len(list_segments(tmp_path / "journal")) < 10
