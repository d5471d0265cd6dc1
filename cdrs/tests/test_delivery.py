# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cdrs.delivery import Deliverer, Rejected, SinkUnavailable
from cdrs.lock import DirectoryInUse
from cdrs.record import CallRecord
from cdrs.tests.conftest import JournalWriter, RecordMaker, wait_until


class ListSink:
    """Keeps what it is given; fails while told to."""

    name = "the list"

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.batches: list[int] = []
        self.failure: Exception | None = None
        self.attempts = 0
        self.refused: set[str] = set()
        self.closed = False

    def deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        self.attempts += 1
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(records))
        self.records += [record for record in records if record.id not in self.refused]
        return [Rejected(record, "refused") for record in records if record.id in self.refused]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sink() -> ListSink:
    return ListSink()


@pytest.fixture
def deliverer(tmp_path: Path, sink: ListSink) -> Iterator[Deliverer]:
    made = Deliverer(tmp_path, sink, batch_size=4, gather_s=0.0, poll_s=0.01, max_backoff_s=0.05)
    yield made
    made.stop()


@pytest.fixture
def records(make_ended: RecordMaker, write_journal: JournalWriter) -> list[CallRecord]:
    """Ten records in a journal of three segments."""
    made = [make_ended() for _ in range(10)]
    write_journal(made, per_segment=4)
    return made


def test_it_delivers_what_earlier_runs_left_in_batches(
    deliverer: Deliverer, sink: ListSink, records: list[CallRecord]
) -> None:
    deliverer.start()
    wait_until(lambda: deliverer.delivered == 10)
    assert sink.records == records and sink.batches == [4, 4, 2]
    wait_until(lambda: deliverer.backlog == 0)


def test_it_delivers_what_comes_while_it_runs(
    deliverer: Deliverer, sink: ListSink, make_ended: RecordMaker, write_journal: JournalWriter
) -> None:
    deliverer.start()
    record = make_ended()
    write_journal([record], per_segment=4)
    deliverer.wake()
    wait_until(lambda: sink.records == [record])


@pytest.mark.parametrize("failure", [SinkUnavailable("away"), RuntimeError("defect")])
def test_it_waits_for_a_sink_that_is_away_and_says_so(
    deliverer: Deliverer, sink: ListSink, records: list[CallRecord], failure: Exception
) -> None:
    sink.failure = failure
    deliverer.start()
    wait_until(lambda: sink.attempts >= 3)
    assert "the list" in str(deliverer.problem) and str(failure) in str(deliverer.problem)
    assert deliverer.backlog == 10
    sink.failure = None
    wait_until(lambda: deliverer.delivered == 10)
    wait_until(lambda: deliverer.problem is None)
    assert sink.records == records


def test_it_logs_an_outage_once_and_its_end_once(
    deliverer: Deliverer, sink: ListSink, records: list[CallRecord], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sink.failure = SinkUnavailable("away")
    deliverer.start()
    wait_until(lambda: sink.attempts >= 3)
    sink.failure = None
    wait_until(lambda: deliverer.delivered == 10)
    deliverer.stop()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_it_keeps_refused_records_apart_and_delivers_the_others(
    deliverer: Deliverer, sink: ListSink, records: list[CallRecord], tmp_path: Path
) -> None:
    sink.refused = {records[3].id}
    deliverer.start()
    wait_until(lambda: deliverer.delivered == 9)
    letter = json.loads((tmp_path / "dead-letters.jsonl").read_text())
    assert CallRecord.from_json(letter["line"]) == records[3] and letter["reason"] == "refused"
    assert deliverer.rejected == 1


def test_it_delivers_the_rest_before_it_stops(
    deliverer: Deliverer, sink: ListSink, make_ended: RecordMaker, write_journal: JournalWriter
) -> None:
    deliverer.start()
    wait_until(lambda: deliverer._thread is not None)
    write_journal([make_ended() for _ in range(9)], per_segment=4)
    deliverer.stop()
    assert deliverer.delivered == 9 and sink.closed


def test_it_stops_although_the_sink_is_away(
    deliverer: Deliverer, sink: ListSink, records: list[CallRecord], tmp_path: Path
) -> None:
    sink.failure = SinkUnavailable("away")
    deliverer.start()
    wait_until(lambda: sink.attempts >= 1)
    deliverer.stop()
    assert sink.closed
    sink.failure = None
    again = Deliverer(tmp_path, sink)
    again.start()
    again.stop()
    assert sink.records == records


def test_it_refuses_a_directory_that_is_already_delivered_from(deliverer: Deliverer, tmp_path: Path) -> None:
    deliverer.start()
    with pytest.raises(DirectoryInUse, match="CDR delivery"):
        Deliverer(tmp_path, ListSink()).start()


class Crash(BaseException):
    """The end of a process, as far as the code under test can tell."""


def crash(*arguments: object) -> None:
    raise Crash


def test_it_delivers_again_what_was_delivered_just_before_a_crash(
    sink: ListSink, records: list[CallRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the sink's part is to store it once."""
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr("cdrs.reader.JournalReader.commit", crash)
        Deliverer(tmp_path, sink, batch_size=4)._deliver_all()
    Deliverer(tmp_path, sink, batch_size=4)._deliver_all()
    assert sink.records == records[:4] + records


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_reports_the_end_of_its_thread(
    deliverer: Deliverer, sink: ListSink, records: list[CallRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdrs.reader.JournalReader.commit", crash)
    deliverer.start()
    wait_until(lambda: deliverer.problem is not None)
    assert "its thread has ended" in str(deliverer.problem)


def test_it_reports_a_sink_that_does_not_answer(
    deliverer: Deliverer, sink: ListSink, records: list[CallRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdrs.delivery._HANGING_S", -1.0)
    seen: list[str | None] = []

    def deliver(batch: Sequence[CallRecord]) -> list[Rejected]:
        seen.append(deliverer.problem)
        return []

    monkeypatch.setattr(sink, "deliver", deliver)
    deliverer.start()
    wait_until(lambda: bool(seen))
    assert "has not answered" in str(seen[0])
