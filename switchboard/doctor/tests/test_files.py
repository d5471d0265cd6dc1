# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from switchboard.doctor import Level, files

ECHO = {"id": "echo", "name": "Echo", "pattern": "600", "actions": [{"type": "echo"}]}


def settings(audio: Path, dialplan: Path | None = None, *, elsewhere: bool = False) -> SimpleNamespace:
    return SimpleNamespace(AUDIO_PATH=audio, DIALPLAN_PATH=dialplan, AUDIO_FILES_ELSEWHERE=elsewhere)


def test_a_directory_of_sounds_that_is_not_there_is_told(tmp_path: Path) -> None:
    [found] = files.audio(settings(tmp_path / "sounds"))
    assert found.level == Level.WARNING
    assert str(tmp_path / "sounds") in found.detail
    assert "AUDIO_PATH" in found.remedy


def test_sounds_that_only_rtp_managers_have_are_not_looked_for(tmp_path: Path) -> None:
    [found] = files.audio(settings(tmp_path / "sounds", elsewhere=True))
    assert found.level == Level.OK


def test_a_directory_of_sounds_that_is_there_is_fine(tmp_path: Path) -> None:
    [found] = files.audio(settings(tmp_path))
    assert found.level == Level.OK


def test_no_dialplan_file_is_asked_for_when_no_setting_names_one(tmp_path: Path) -> None:
    assert list(files.dialplan(settings(tmp_path))) == []


@pytest.mark.parametrize(
    ("content", "level", "told"),
    [
        (None, Level.FAILURE, "cannot be read: No such file"),
        ("{", Level.FAILURE, "is refused"),
        ({"version": "1.0", "routes": [ECHO]}, Level.OK, "is valid; routes: 1"),
        ({"version": "1.0", "routes": [{"id": "x", "pattern": "5", "actions": [{"type": "sing"}]}]}, Level.FAILURE,
         "route x: routes[0].name: is required; 1 more"),
    ],
)  # fmt: skip
def test_a_dialplan_file_is_read_as_a_node_would(
    tmp_path: Path, content: object, level: Level, told: str
) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    [found] = files.dialplan(settings(tmp_path, path))
    assert (found.level, told in found.detail) == (level, True), found
    assert (found.remedy == "") == (level == Level.OK)
