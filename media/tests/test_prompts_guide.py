# SPDX-License-Identifier: Apache-2.0
"""Runs what docs/prompts.md tells to type, in order."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts.tests.people import make_people
from media.models import Prompt
from media.prompts import conversion, uploads
from media.tests.factories import write_sound
from switchboard.tests.test_docs_examples import run

GUIDE = Path(settings.BASE_DIR) / "docs" / "prompts.md"
SESSION = """
import os, requests
url = os.environ["URL"]
api = requests.Session()
api.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
"""


def blocks(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL))


@pytest.fixture
def environ(live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A server that converts at once, and the files of the examples."""
    for name, kind in (("hours.mp3", "MP3"), ("new-hours.wav", "WAV"), ("holiday.wav", "WAV")):
        write_sound(tmp_path / name, kind=kind)
    keep = uploads.keep
    # In the thread of the request: a database in memory has no room for two that write.
    monkeypatch.setattr(uploads, "keep", lambda *args: conversion.convert_upload(keep(*args)))
    token = make_people().token("alice")
    return {**os.environ, "URL": f"{live_server.url}/api/v1", "TOKEN": token, "HOME": str(tmp_path)}


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
@pytest.mark.django_db(transaction=True)
def test_the_curl_examples_work(environ: dict[str, str], tmp_path: Path) -> None:
    run(["bash", "-ec", blocks("sh")], environ, tmp_path)
    assert (tmp_path / "as-played.wav").read_bytes()[:4] == b"RIFF"
    assert not Prompt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_python_examples_work(environ: dict[str, str], tmp_path: Path) -> None:
    said = run([sys.executable, "-c", SESSION + blocks("python")], environ, tmp_path)
    assert "409" in said and "Holiday (holiday)" in said
