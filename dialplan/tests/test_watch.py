# SPDX-License-Identifier: Apache-2.0
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from dialplan import watch
from dialplan.engine.tests.samples import document, route
from dialplan.models import Route
from dialplan.watch import WatchState, import_if_changed

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dialplan.json"


def write(file: Path, *routes: dict[str, Any]) -> None:
    file.write_text(json.dumps(document(*routes)))


def ids() -> list[str]:
    return sorted(Route.objects.values_list("id", flat=True))


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_the_first_look_imports_and_the_next_ones_only_a_change(file: Path) -> None:
    write(file, route("a"))
    first = import_if_changed(file, WatchState())
    assert first.result is not None
    assert first.result.created == 1
    assert import_if_changed(file, first) is first
    write(file, route("a"), route("bb"))
    assert import_if_changed(file, first) != first
    assert ids() == ["a", "bb"]


def test_an_unchanged_file_is_not_opened(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file)
    state = import_if_changed(file, WatchState())
    monkeypatch.setattr(watch, "read_document", lambda path: pytest.fail("the file was read again"))
    assert import_if_changed(file, state) is state


def test_a_file_replaced_by_one_of_the_same_size_and_age_is_seen(file: Path, tmp_path: Path) -> None:
    write(file, route("a"))
    state = import_if_changed(file, WatchState())
    other = tmp_path / "other.json"
    write(other, route("b"))
    status = file.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    import_if_changed(file, state)
    assert ids() == ["b"]


@pytest.mark.parametrize("broken", ["{", '{"routes": [{"id": "b"}]}'])
def test_a_broken_file_leaves_the_dialplan_and_is_logged_once(
    file: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    write(file, route("a"))
    state = import_if_changed(file, WatchState())
    file.write_text(broken)
    for _ in range(3):
        state = import_if_changed(file, state)
    assert ids() == ["a"]
    assert len(errors(caplog)) == 1
    assert str(file) in errors(caplog)[0]


def test_a_mended_file_is_imported_and_broken_again_is_logged_again(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = WatchState()
    for content in ("{", json.dumps(document(route("a"))), "{"):
        file.write_text(content)
        state = import_if_changed(file, state)
    assert ids() == ["a"]
    assert len(errors(caplog)) == 2


def test_a_file_with_one_bad_route_imports_none(file: Path) -> None:
    write(file, route("good"), route("bad", pattern="["))
    import_if_changed(file, WatchState())
    assert ids() == []


def test_a_missing_file_is_logged_once_and_imported_when_it_comes(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = WatchState()
    for _ in range(3):
        state = import_if_changed(file, state)
    assert len(errors(caplog)) == 1
    write(file, route("a"))
    import_if_changed(file, state)
    assert ids() == ["a"]


def test_a_database_that_is_away_is_tried_again(
    file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, route("a"))
    state = WatchState()
    with monkeypatch.context() as patch:
        patch.setattr(watch, "import_watched", _away)
        for _ in range(3):
            state = import_if_changed(file, state)
    assert len(errors(caplog)) == 1
    import_if_changed(file, state)
    assert ids() == ["a"]


def _away(*args: object) -> None:
    raise OperationalError("database is locked")
