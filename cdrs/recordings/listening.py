# SPDX-License-Identifier: Apache-2.0
"""Sends the sound of a recording to who may listen to it, and notes who did. Who may is asked before.

Invariant: nothing of a sound is sent that was not noted: in the log of the process, and in the history of the recording.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.timezone import now

from cdrs.models import Recording
from cdrs.recordings import files
from switchboard import byte_ranges

log = structlog.get_logger("switchboard.recordings")

CONTENT_TYPE = "audio/wav"
NOT_HERE = (
    "The file of this recording is not on this host. RTP managers write recordings to their RECORDINGS_PATH: "
    "share that directory with the ui role."
)


ONE_LISTENING = timedelta(minutes=10)
"""Requests of one person within this time are one line of the history."""


class NotHere(Exception):
    """The file of a recording is not on this host."""


def respond(request: HttpRequest, recording: Recording, *, user: Any, download: bool) -> HttpResponseBase:
    """Return the sound as a response, whole or the part that is asked for.

    Args:
        request: what is asked for.
        recording: what is listened to.
        user: who listens.
        download: whether a browser is to save it.

    Raises:
        NotHere: there is no such file on this host.
    """
    size = files.size_of(recording)
    if size is None:
        raise NotHere(NOT_HERE)
    answer = byte_ranges.respond(
        request,
        lambda start, end: files.read(recording, start, end),
        size=size,
        # A file grows while its call goes on, and never changes otherwise.
        tag=f'"{recording.pk}-{size}"',
        content_type=CONTENT_TYPE,
        disposition=f'{"attachment" if download else "inline"}; filename="recording-{recording.pk}.wav"',
    )
    if answer.status_code in (200, 206) and request.method == "GET":
        _note(request, recording, user, download=download)
    return answer


def _note(request: HttpRequest, recording: Recording, user: Any, *, download: bool) -> None:
    """Note who listens: each part that a player asks for in the log, all of them once in the history."""
    part = request.headers.get("Range", "")
    log.info("recording.sent", recording=str(recording.pk), user=str(user), download=download, part=part)
    note_listening(recording, user, download=download)


def note_listening(recording: Recording, user: Any, *, download: bool) -> None:
    """Write a line into the history of a recording, unless there is one of a moment ago."""
    message = "Downloaded it." if download else "Listened to it."
    recent = now() - ONE_LISTENING
    known = heard(recording).filter(user_id=user.pk, change_message=message, action_time__gt=recent)
    if not known.exists():
        _remember(recording, user, CHANGE, message)


def heard(recording: Recording) -> QuerySet[LogEntry]:
    """Return who listened to a recording, the last one first."""
    of_it = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Recording),
        object_id=str(recording.pk),
        action_flag=CHANGE,
    )
    return of_it.select_related("user").order_by("-action_time")


def note_deletion(recording: Recording, user: Any) -> None:
    """Note who deleted a recording through REST."""
    log.info("recording.deleted", recording=str(recording.pk), user=str(user))
    _remember(recording, user, DELETION, "Deleted with its file.")


def _remember(recording: Recording, user: Any, flag: int, message: str) -> None:
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(Recording),
        object_id=str(recording.pk),
        object_repr=str(recording)[:200],
        action_flag=flag,
        change_message=message,
    )
