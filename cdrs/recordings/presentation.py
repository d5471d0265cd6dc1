# SPDX-License-Identifier: Apache-2.0
"""What is shown of recordings: the player, the length, why there is nothing to play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.choices import Permission
from accounts.tenancy import access_of
from cdrs.choices import RecordingState
from cdrs.models import CDR, Recording
from cdrs.recordings import files
from cdrs.story import clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A recording on the page of its call."""

    player: SafeString
    began: Any
    length: str
    size: str
    note: str
    """Why it is not whole; empty when it is."""
    url: str
    download_url: str
    """Empty: there is nothing to download here."""


def of_call(user: Any, call: CDR) -> list[Shown]:
    """Return the recordings of a call, the first part first; none for who may not listen."""
    if not access_of(user).may(Permission.LISTEN, call.account_id):
        return []
    return [_shown(recording) for recording in call.recordings.order_by("began_at", "id")]


def _shown(recording: Recording) -> Shown:
    url = audio_url(recording)
    return Shown(
        player=player(recording),
        began=recording.began_at,
        length=shown_length(recording),
        size=shown_size(recording),
        note=note(recording),
        url=reverse("admin:cdrs_recording_change", args=[recording.pk]),
        download_url=f"{url}?download" if files.size_of(recording) is not None else "",
    )


def audio_url(recording: Recording) -> str:
    """Return where the sound is."""
    return reverse("admin:cdrs_recording_audio", args=[recording.pk])


def note(recording: Recording) -> str:
    """Return why a recording is not whole, in words; empty when it is."""
    match recording.state:
        case RecordingState.INTERRUPTED:
            words = "Interrupted: what was recorded until then is here"
        case RecordingState.FAILED:
            words = "Could not be recorded" if not recording.duration_ms else "Ended early"
        case _:
            return ""
    return f"{words} ({recording.detail})." if recording.detail else f"{words}."


def player(recording: Recording) -> SafeString:
    """Return what plays a recording, or why it cannot be played here."""
    if files.size_of(recording) is None:
        if recording.state == RecordingState.FAILED and not recording.duration_ms:
            return format_html('<span class="recording-none">{}</span>', "Nothing was recorded")
        return format_html(
            '<span class="recording-none" title="{}">{}</span>',
            "RTP managers write to their RECORDINGS_PATH; share that directory with the ui role.",
            "The file is not on this host",
        )
    return format_html(
        '<audio class="recording-player" controls preload="none" src="{}" aria-label="{}"></audio>',
        audio_url(recording),
        f"Listen to {recording}",
    )


def shown_length(recording: Recording) -> str:
    """Return how long a recording is, as minutes and seconds."""
    milliseconds = files.duration_ms(recording, files.size_of(recording))
    return "–" if milliseconds is None else clock(milliseconds / 1000)


def shown_size(recording: Recording) -> str:
    """Return how large a recording's file is: what is there, else what is known."""
    size = files.size_of(recording)
    known = recording.size_bytes if size is None else size
    return "–" if known is None else str(filesizeformat(known))
