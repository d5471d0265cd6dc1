# SPDX-License-Identifier: Apache-2.0
import asyncio
import csv
import io
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cdrs.export.columns import COLUMNS, safe
from cdrs.export.progress import Progress, new_token
from cdrs.export.rows import Piece, pieces
from cdrs.export.stream import MAX_STREAMS, Stream, TooManyExports
from cdrs.models import CDR
from cdrs.search import Search, matching
from cdrs.tests.factories import NOON, make_answered, make_call

HOSTILE = ["=1+1", "+49301", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://x","y")']


def read(data: bytes) -> list[dict[str, str]]:
    """Return the rows of a file as a spreadsheet reads them."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def lines(using: str = "default") -> list[dict[str, str]]:
    """Return the rows of all calls."""
    calls = CDR.objects.using(using).order_by("-invite_time", "-pk")
    return read(b"".join(piece.data for piece in pieces(calls)))


class ExportCases:
    """Inherit this in a class whose module has the fixture ``database``: the alias of an empty migrated database."""

    def test_it_writes_every_column_as_others_rely_on_it(self, database: str) -> None:
        call = make_answered(
            account_id=uuid.UUID(int=7),
            caller_ip="2001:db8::1",
            callee_name='Bob "the" Builder, Ltd',
            rtp_jitter_ms=1.23456,
            ring_duration_seconds=3.2,
            sip_status=200,
            metadata={"cut_off": True},
        )
        (line,) = lines(database)
        assert list(line) == list(COLUMNS)
        assert (line["id"], line["account_id"]) == (str(call.pk), str(uuid.UUID(int=7)))
        assert (line["invite_time"], line["answer_time"]) == (
            "2030-01-01T12:00:00.000Z",
            "2030-01-01T12:00:04.200Z",
        )
        assert (line["caller_ip"], line["callee_name"]) == ("2001:db8::1", 'Bob "the" Builder, Ltd')
        assert (line["rtp_jitter_ms"], line["mos_score"], line["sip_status"]) == ("1.235", "4.31", "200")
        assert (line["duration_seconds"], line["ring_duration_seconds"]) == ("63.000", "3.200")
        assert (line["metadata"], line["caller_user_id"]) == ('{"cut_off": true}', "")

    @pytest.mark.parametrize("text", HOSTILE)
    def test_no_cell_starts_a_formula(self, database: str, text: str) -> None:
        fields = (
            "caller_number",
            "caller_name",
            "callee_number",
            "callee_name",
            "codec",
            "route_id",
            "call_id",
        )
        make_call(
            **dict.fromkeys(fields, text), signaling_server=text, rtp_manager=text, hangup_cause="error"
        )
        (line,) = lines(database)
        assert line["caller_name"] == "'" + text
        assert not any(cell[:1] in tuple("=+-@\t\r\n") for cell in line.values() if cell)

    def test_it_writes_nothing_for_what_is_not_there(self, database: str) -> None:
        make_call(caller_name="", caller_ip=None)
        (line,) = lines(database)
        empty = ("caller_name", "caller_ip", "ring_time", "mos_score", "sip_status", "metadata", "account_id")
        assert {line[name] for name in empty} == {""}

    def test_it_writes_the_headings_alone_for_whoever_may_see_nothing(self, database: str) -> None:
        make_call()
        nothing = matching(Search(), frozenset(), using=database)
        (text,) = [b"".join(piece.data for piece in pieces(nothing)).decode("utf-8-sig").strip()]
        assert text.split(",") == list(COLUMNS)

    def test_it_gives_the_newest_call_first_in_pieces_that_count_their_rows(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cdrs.export.rows.PIECE_BYTES", 500)
        monkeypatch.setattr("cdrs.export.rows._CHUNK_ROWS", 3)
        for minute in range(20):
            make_call(caller_name=f"c{minute}\nline", invite_time=NOON + timedelta(minutes=minute))
        made = list(pieces(CDR.objects.using(database).order_by("-invite_time")))
        assert len(made) > 4 and sum(piece.rows for piece in made) == 20
        names = [line["caller_name"] for line in read(b"".join(piece.data for piece in made))]
        assert names == [f"c{minute}\nline" for minute in reversed(range(20))]


@pytest.fixture
def database(db: None) -> str:
    return "default"


class TestOnTheDatabaseOfTheSettings(ExportCases):
    pass


@pytest.mark.parametrize("text", ["", "1001", "Alice", "a=b", "'=1"])
def test_a_text_that_starts_no_formula_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


# --- Stream -----------------------------------------------------------------------------------------------------------


class Source:
    """Pieces without end that know when they were closed."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.is_closed = False

    def __call__(self) -> Iterator[Piece]:
        try:
            while self.left:
                self.left -= 1
                yield Piece(b"x" * 10, 2)
        finally:
            self.is_closed = True


def progress() -> Progress:
    return Progress(token=new_token(), user_id=1)


def kept(made: Progress) -> Progress:
    found = Progress.of(made.token, made.user_id)
    assert found is not None
    return found


def test_a_stream_gives_all_pieces_and_counts_them() -> None:
    made, source = progress(), Source(3)
    assert b"".join(Stream(source, made)) == b"x" * 30
    assert (kept(made).rows, kept(made).bytes_sent, kept(made).state) == (6, 30, "done") and source.is_closed


async def test_an_event_loop_gets_the_same() -> None:
    made, source = progress(), Source(3)
    assert b"".join([data async for data in Stream(source, made)]) == b"x" * 30
    await done(made)
    assert (kept(made).rows, kept(made).state) == (6, "done") and source.is_closed


async def done(made: Progress) -> None:
    async with asyncio.timeout(5):
        while kept(made).state == "running":  # noqa: ASYNC110 - a thread ends it
            await asyncio.sleep(0.005)


async def test_a_browser_that_goes_away_ends_the_reading() -> None:
    made, source = progress(), Source(1000)
    async for _ in (reading := aiter(Stream(source, made))):
        break
    await reading.aclose()  # type: ignore[attr-defined]
    await done(made)
    assert source.is_closed and source.left > 990 and kept(made).state == "failed"


async def test_it_reads_no_piece_before_the_last_one_was_taken() -> None:
    made, source = progress(), Source(1000)
    reading = aiter(Stream(source, made))
    for taken in range(1, 5):
        await anext(reading)
        assert source.left == 1000 - taken
    await reading.aclose()  # type: ignore[attr-defined]
    await done(made)


def test_an_error_breaks_the_stream_off_and_gives_its_slot_back() -> None:
    def broken() -> Iterator[Piece]:
        yield Piece(b"x", 1)
        raise OSError("the database is gone")

    for _ in range(MAX_STREAMS + 1):
        made = progress()
        with pytest.raises(OSError, match="gone"):
            list(Stream(broken, made))
        assert kept(made).state == "failed"


def test_only_so_many_streams_are_open_at_once() -> None:
    streams = [Stream(Source(1), progress()) for _ in range(MAX_STREAMS)]
    with pytest.raises(TooManyExports):
        Stream(Source(1), progress())
    for stream in streams:
        stream.abandon()
    list(Stream(Source(1), progress()))


def test_progress_is_told_to_nobody_else() -> None:
    made = progress()
    made.begin()
    assert Progress.of(made.token, 1) is not None and Progress.of(made.token, 2) is None
    assert Progress.of("no-token", 1) is None and Progress.of(new_token(), 1) is None


# --- Pages ------------------------------------------------------------------------------------------------------------


def url(name: str) -> str:
    return reverse(f"admin:cdrs_cdr_export{name}")


@pytest.mark.django_db
def test_the_page_says_what_will_be_in_the_file(admin_client: Client) -> None:
    for _ in range(3):
        make_call()
    make_answered()
    text = admin_client.get(url(""), {"disposition": "CANCELED"}).content.decode()
    assert "3 calls." in text and "disposition=CANCELED&amp;token=" in text and "<iframe" in text


@pytest.mark.django_db
def test_the_file_holds_the_calls_of_the_search(admin_client: Client) -> None:
    make_call()
    wanted = make_answered()
    response = admin_client.get(url("_csv"), {"disposition": "ANSWERED"})
    assert response["Content-Type"].startswith("text/csv") and "attachment" in response["Content-Disposition"]
    assert [line["id"] for line in read(b"".join(response))] == [str(wanted.pk)]


@pytest.mark.django_db
def test_the_progress_of_a_download_is_shown_and_stops_refreshing_when_it_is_over(
    admin_client: Client,
) -> None:
    make_call()
    token = new_token()
    asked: dict[str, Any] = {"token": token, "of": "1"}
    before = admin_client.get(url("_progress"), asked)
    assert "Not started" in before.content.decode() and 'http-equiv="refresh"' in before.content.decode()
    assert before["X-Frame-Options"] == "SAMEORIGIN"
    b"".join(admin_client.get(url("_csv"), {"token": token}))
    after = admin_client.get(url("_progress"), asked).content.decode()
    assert "Complete:" in after and "1 calls" in after and "refresh" not in after


@pytest.mark.django_db
def test_one_export_too_many_is_asked_to_come_back(admin_client: Client) -> None:
    streams = [Stream(Source(1), progress()) for _ in range(MAX_STREAMS)]
    response = admin_client.get(url("_csv"))
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    for stream in streams:
        stream.abandon()
