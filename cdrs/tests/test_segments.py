# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdrs import segments
from cdrs.segments import (
    ENDED,
    CorruptLine,
    Line,
    Segment,
    decode_line,
    encode_line,
    list_segments,
    next_segment_path,
    read_lines,
)


@given(
    st.sampled_from(["started", "ended", "alive"]),
    st.text(st.characters(codec="ascii", exclude_characters="\n")),
)
def test_it_reads_back_each_line_it_writes(kind: str, body: str) -> None:
    assert decode_line(encode_line(kind, body).rstrip(b"\n")) == (kind, body.encode())


@given(st.binary())
def test_it_refuses_any_other_line_with_one_error(raw: bytes) -> None:
    with pytest.raises(CorruptLine):
        decode_line(raw)


@given(st.integers(0, 200), st.integers(1, 255))
def test_it_notices_every_changed_byte(position: int, flip: int) -> None:
    raw = bytearray(encode_line(ENDED, '{"a":1}').rstrip(b"\n"))
    position %= len(raw)
    raw[position] ^= flip
    try:
        decode_line(bytes(raw))
    except CorruptLine:
        return
    # Hex digits have two spellings: the same checksum, hence nothing lost.
    assert position < 8 and bytes(raw).lower() == encode_line(ENDED, '{"a":1}').rstrip(b"\n")


def test_it_numbers_segments_upwards_and_ignores_other_files(tmp_path: Path) -> None:
    first = next_segment_path(tmp_path, b"\1\2\3\4")
    Segment.create(first, b"").close()
    (tmp_path / "journal.lock").touch()
    (tmp_path / "999999999999-zz.tmp").touch()
    second = next_segment_path(tmp_path, b"\0\0\0\0")
    Segment.create(second, b"").close()
    assert [path.name for path in list_segments(tmp_path)] == [
        "000000000001-01020304.cdr",
        "000000000002-00000000.cdr",
    ]


def test_it_lists_nothing_for_a_missing_directory(tmp_path: Path) -> None:
    assert list_segments(tmp_path / "missing") == []


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def test_it_leaves_a_torn_last_line_alone(tmp_path: Path) -> None:
    whole = encode_line(ENDED, "1")
    for length in range(len(whole)):
        path = write(tmp_path / "a", whole, encode_line(ENDED, "2")[:length])
        assert list(read_lines(path)) == [Line(ENDED, b"1", len(whole))]


def test_it_reports_a_damaged_line_and_reads_on_after_it(tmp_path: Path) -> None:
    lines = [encode_line(ENDED, str(number)) for number in range(3)]
    damaged = lines[1].replace(b"ended", b"endet")
    path = write(tmp_path / "a", lines[0], damaged, lines[2])
    assert [(line.kind, line.body) for line in read_lines(path)] == [
        (ENDED, b"0"),
        (None, damaged.rstrip(b"\n")),
        (ENDED, b"2"),
    ]


def test_it_goes_on_from_the_offset_that_a_line_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a", *(encode_line(ENDED, str(number)) for number in range(5)))
    for number, line in enumerate(list(read_lines(path))):
        assert [rest.body for rest in read_lines(path, line.end)] == [b"%d" % n for n in range(number + 1, 5)]


def test_it_reads_lines_that_span_its_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_CHUNK_BYTES", 7)
    path = write(tmp_path / "a", *(encode_line(ENDED, str(number) * number) for number in range(20)))
    lines = list(read_lines(path))
    assert [line.body for line in lines] == [str(number).encode() * number for number in range(20)]
    assert lines[-1].end == path.stat().st_size


def test_it_bounds_memory_when_a_file_has_no_line_feeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_CHUNK_BYTES", 100)
    monkeypatch.setattr(segments, "MAX_LINE_BYTES", 250)
    path = write(tmp_path / "a", b"x" * 1000 + b"\n", encode_line(ENDED, "1"))
    lines = list(read_lines(path))
    assert max(len(line.body) for line in lines) <= 350
    assert lines[-1] == Line(ENDED, b"1", path.stat().st_size)
    assert all(line.kind is None for line in lines[:-1])


def test_it_shows_a_segment_only_when_its_head_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        Segment.create(tmp_path / "000000000001-00000000.cdr", b"head\n")
    assert list(tmp_path.iterdir()) == []


def test_it_writes_all_when_the_system_takes_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, bytes(data)[:3]))
    segment = Segment.create(tmp_path / "000000000001-00000000.cdr", b"")
    segment.append(b"0123456789")
    segment.close()
    assert segment.path.read_bytes() == b"0123456789"
    assert segment.size == 10
