# SPDX-License-Identifier: Apache-2.0
"""Checks of the files that people put there: sounds that routes play, and the dialplan document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from dialplan.engine import DialplanError
from dialplan.files import read_document
from switchboard.doctor.findings import Finding, failure, fine, warning


def audio(settings: Any) -> Iterator[Finding]:
    """The directory of WAV files can be looked into, unless only the RTP managers have it."""
    directory = settings.AUDIO_PATH
    if settings.AUDIO_FILES_ELSEWHERE and not directory.is_dir():
        yield fine("audio files", "elsewhere: AUDIO_FILES_ELSEWHERE says so")
    elif not directory.is_dir():
        yield warning(
            "audio files",
            f"{directory} is no directory; uploaded prompts and the product's own files play all the same",
            "make it, or correct AUDIO_PATH",
        )
    elif not os.access(directory, os.R_OK | os.X_OK):
        yield warning("audio files", f"{directory} cannot be read", "make it readable for this user")
    else:
        yield fine("audio files", str(directory))


def dialplan(settings: Any) -> Iterator[Finding]:
    """The document can be read and is valid, when one is configured."""
    path = settings.DIALPLAN_PATH
    if path is None:
        return
    try:
        routes = len(read_document(path).routes)
    except OSError as error:
        yield failure(
            "dialplan file",
            f"{path} cannot be read: {error.strerror or error}",
            "put it there, or correct DIALPLAN_PATH",
        )
    except DialplanError as error:
        first, *others = error.errors
        more = f"; {len(others)} more" if others else ""
        yield failure(
            "dialplan file",
            f"{path} is refused: {first}{more}",
            f"correct it; manage.py dialplan check {path} tells all",
        )
    else:
        yield fine("dialplan file", f"{path} is valid; routes: {routes}")
