# SPDX-License-Identifier: Apache-2.0
"""The recording of a test call: ordered at the node while it goes on, found and listened to when it is over."""

from __future__ import annotations

import io
import math
import time
import wave
from array import array
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from cdrs.choices import RecordingState
from cdrs.models import CDR, Recording
from cdrs.recordings.files import root, size_of
from signaling.node_client import NOT_FOUND, NodeClient, NodeProblem, authorization_for
from signaling.testcall import HEARD_DBFS, Scorecard

BEGUN = "recording begun"
FULL_SCALE = 32768.0
KNOWN_WITHIN_S = 1.0
SILENCE_DBFS = -99.0
"""What no sound at all is shown as."""


def begin(card: Scorecard, server: str, token: str) -> None:
    """Have a node record the call that goes on.

    Args:
        card: of the call.
        server: REST of the node, ``http://host:port``.
        token: that is shown there; "" on the node's own machine.
    """
    try:
        with NodeClient(server, authorization_for(server, token, settings.INTERNAL_API_TOKEN)) as node:
            answer = _record(node, card.call_id)
    except NodeProblem as problem:
        card.add(BEGUN, False, str(problem))
        return
    card.add(BEGUN, True, str(answer.get("message", "")))


def _record(node: NodeClient, call_id: str) -> dict[str, Any]:
    """Have a call recorded that REST hears of a moment after the phones do."""
    deadline = time.monotonic() + KNOWN_WITHIN_S
    while True:
        try:
            return node.record(call_id)
        except NodeProblem as problem:
            if problem.exit_code != NOT_FOUND or time.monotonic() > deadline:
                raise
        time.sleep(KNOWN_WITHIN_S / 10)


def check(card: Scorecard, call: CDR) -> None:
    """Find the recording of a stored call, if one was begun, and tell whether both phones are heard on it."""
    if not any(one.name == BEGUN and one.passed for one in card.checks):
        return
    recording = Recording.objects.filter(cdr=call).order_by("began_at").first()
    if recording is None:
        card.add("recording stored", False, "the record of the call tells of none")
    elif recording.state != RecordingState.COMPLETE:
        card.add("recording stored", False, f"{recording.state}: {recording.detail or 'no reason is known'}")
    elif size_of(recording) is None:
        where = f"{root()} has no {recording.file}"
        card.add(
            "recording stored", False, f"{where}: share RECORDINGS_PATH of the RTP managers with this host"
        )
    else:
        card.add(
            "recording stored",
            True,
            f"{root() / recording.file}, {(recording.duration_ms or 0) / 1000:.1f} s",
        )
        _listen(card, recording)


def _listen(card: Scorecard, recording: Recording) -> None:
    try:
        left, right = levels_dbfs((root() / recording.file).read_bytes())
    except (OSError, ValueError) as error:
        card.add("recording heard", False, f"the file cannot be read: {error}")
        return
    detail = f"caller {left:.1f} dBFS, called phone {right:.1f} dBFS"
    card.add("recording heard", min(left, right) > HEARD_DBFS, detail)


def levels_dbfs(content: bytes) -> tuple[float, float]:
    """Return how loud both channels of a stereo WAV file of 16 bits are: root mean squares, in dB of full scale.

    Raises:
        ValueError: it is none.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (2, 2):
                raise ValueError("it is not in stereo of 16 bits")
            samples = array("h", file.readframes(file.getnframes()))
    except (wave.Error, EOFError) as error:
        raise ValueError(str(error) or "it ends too early") from error
    return _level(samples[::2]), _level(samples[1::2])


def _level(samples: Sequence[int]) -> float:
    power = sum(sample * sample for sample in samples) / max(len(samples), 1)
    return 10 * math.log10(power / FULL_SCALE**2) if power else SILENCE_DBFS
