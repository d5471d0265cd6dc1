# SPDX-License-Identifier: Apache-2.0
"""Log lines of every process, for machines."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest
import structlog

from switchboard import logs


@pytest.fixture
def configured() -> Iterator[None]:
    """Undo what `logs.configure` does to the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*logs.QUIET_LOGGERS, *logs.SILENT_LOGGERS)}
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("configured")
def test_every_line_is_one_json_object_whoever_writes_it(capsys):
    logs.configure("info", "json")
    structlog.get_logger("switchboard.calls").info(
        "call.ringing", call_id="a\nb", account="acme.test", leg="B"
    )
    logging.getLogger("some.library").warning("%s went wrong", "this")
    captured = capsys.readouterr()
    assert captured.out == ""
    ours, theirs = lines_of(captured.err)
    assert (ours["event"], ours["level"], ours["logger"]) == ("call.ringing", "info", "switchboard.calls")
    assert (ours["call_id"], ours["account"], ours["leg"]) == ("a\nb", "acme.test", "B")
    assert (theirs["event"], theirs["level"]) == ("this went wrong", "warning")
    for line in (ours, theirs):
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None


@pytest.mark.usefixtures("configured")
def test_an_exception_stays_on_its_line(capsys):
    logs.configure("info", "json")
    try:
        raise ValueError("oops")
    except ValueError:
        structlog.get_logger("switchboard.sip").exception("sip.handler_failed", call_id="1")
    (line,) = lines_of(capsys.readouterr().err)
    assert "ValueError: oops" in line["exception"]
    assert line["call_id"] == "1"


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_lines_below_the_level_are_left_out(capsys, level, shown):
    logs.configure(level, "json")
    log = structlog.get_logger("switchboard.tests")
    for write in (log.debug, log.info, log.warning, log.error):
        write("something")
    assert len(lines_of(capsys.readouterr().err)) == shown


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(("level", "written"), [("info", ["info", "warning"]), ("warn", ["warning"])])
def test_lines_below_the_level_are_written_neither_by_a_logger_nor_by_one_bound_to_facts(
    capsys, level, written
):
    logs.configure(level, "json")
    for log in (structlog.get_logger("one"), structlog.get_logger("other").bind(call_id="1")):
        log.debug("a")
        log.info("b", leg="A")
        log.warning("c")
    assert [line["level"] for line in lines_of(capsys.readouterr().err)] == written * 2


@pytest.mark.usefixtures("configured")
def test_failed_logins_are_left_to_the_admin(capsys):
    logs.configure("info", "json")
    logging.getLogger("axes.handlers.database").warning("AXES: New login failure by {username: x}")
    assert capsys.readouterr().err == ""
