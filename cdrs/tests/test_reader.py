# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from cdrs.reader import JournalReader, Position
from cdrs.record import CallRecord
from cdrs.segments import ENDED, encode_line, list_segments
from cdrs.tests.conftest import JournalWriter, RecordMaker


def read_all(reader: JournalReader, limit: int = 3) -> list[str]:
    ids: list[str] = []
    while (batch := reader.read(limit)).is_progress:
        ids += [record.id for record in batch.records]
        assert len(batch.records) <= limit
        reader.commit(batch)
    return ids


@pytest.fixture
def ten(make_ended: RecordMaker) -> list[CallRecord]:
    return [make_ended() for _ in range(10)]


def test_it_reads_all_ended_records_of_all_segments_in_order(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]
) -> None:
    write_journal(ten, per_segment=4)
    assert len(list_segments(tmp_path)) == 3
    assert read_all(JournalReader(tmp_path)) == [record.id for record in ten]


def test_it_removes_segments_that_are_done_except_the_newest(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]
) -> None:
    write_journal(ten, per_segment=4)
    newest = list_segments(tmp_path)[-1]
    read_all(JournalReader(tmp_path))
    assert list_segments(tmp_path) == [newest]


def test_it_keeps_segments_whose_records_are_not_committed(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]
) -> None:
    write_journal(ten, per_segment=4)
    reader = JournalReader(tmp_path)
    assert len(reader.read(10).records) == 10
    assert len(list_segments(tmp_path)) == 3


def test_it_goes_on_after_a_restart_where_it_committed(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]
) -> None:
    write_journal(ten, per_segment=4)
    first = JournalReader(tmp_path)
    first.commit(first.read(6))
    first.read(2)
    assert read_all(JournalReader(tmp_path)) == [record.id for record in ten[6:]]


def test_it_reads_what_is_added_later(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]
) -> None:
    reader = JournalReader(tmp_path)
    assert read_all(reader) == []
    write_journal(ten[:5], per_segment=4)
    assert read_all(reader) == [record.id for record in ten[:5]]
    write_journal(ten[5:], per_segment=4)
    assert read_all(reader) == [record.id for record in ten[5:]]
    assert read_all(reader) == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"segment": 1}', '{"segment": "gone.cdr", "offset": 5}', "null"]
)
def test_it_delivers_all_again_when_the_cursor_is_damaged(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord], content: str
) -> None:
    write_journal(ten, per_segment=4)
    (tmp_path / "cursor.json").write_text(content)
    assert read_all(JournalReader(tmp_path)) == [record.id for record in ten]


def test_it_never_skips_new_segments_because_of_an_old_cursor(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]
) -> None:
    """It should read a journal that was begun anew after someone emptied the directory but for the cursor."""
    write_journal(ten[:8], per_segment=4)
    read_all(JournalReader(tmp_path))
    for path in list_segments(tmp_path):
        path.unlink()
    write_journal(ten[8:], per_segment=4)
    assert read_all(JournalReader(tmp_path)) == [record.id for record in ten[8:]]


def test_it_hands_out_damaged_and_unreadable_lines_beside_the_records(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]
) -> None:
    write_journal(ten[:2], per_segment=4)
    with list_segments(tmp_path)[0].open("ab") as file:
        file.write(b"rubbish\n" + encode_line(ENDED, '{"v":99}') + encode_line(ENDED, ten[2].to_json()))
    batch = JournalReader(tmp_path).read(10)
    assert [record.id for record in batch.records] == [record.id for record in ten[:3]]
    assert [damage.raw for damage in batch.damaged] == [b"rubbish", b'{"v":99}']


def test_it_counts_what_is_ahead(tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord]) -> None:
    write_journal(ten[:6], per_segment=4)
    reader = JournalReader(tmp_path)
    assert reader.count_ahead() == reader.count_ahead() == 6
    reader.commit(reader.read(2))
    assert reader.count_ahead() == 4
    write_journal(ten[6:], per_segment=4)
    assert reader.count_ahead() == 8
    reader.commit(reader.read(100))
    assert reader.count_ahead() == 0


def test_it_bounds_a_batch_by_its_size(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdrs.reader._MAX_BATCH_BYTES", 500)
    write_journal(ten, per_segment=100)
    batch = JournalReader(tmp_path).read(10)
    assert len(batch.records) == 2 and batch.is_full


def test_it_goes_on_when_the_cursor_cannot_be_written(
    tmp_path: Path, write_journal: JournalWriter, ten: list[CallRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    write_journal(ten, per_segment=4)
    monkeypatch.setattr(Path, "write_text", refuse)
    assert read_all(JournalReader(tmp_path)) == [record.id for record in ten]


def test_it_starts_at_nothing_in_a_missing_directory(tmp_path: Path) -> None:
    batch = JournalReader(tmp_path / "missing").read(1)
    assert not batch.is_progress and batch.end == Position("", 0)
