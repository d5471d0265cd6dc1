# SPDX-License-Identifier: Apache-2.0
"""Takes uploaded files in: looks at their first bytes, keeps them for the converter. It decodes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from media.models import Prompt, PromptUpload, Status
from media.prompts import blobs

READ_BYTES: Final = 1 << 16
HEAD_BYTES: Final = 16
ACCEPTED: Final = "WAV, MP3, Ogg and FLAC"
ACCEPT: Final = ".wav,.mp3,.ogg,.oga,.opus,.flac,audio/wav,audio/mpeg,audio/ogg,audio/flac"
"""What a file dialog offers."""


def looks_like_audio(head: bytes) -> bool:
    """Return whether a file that begins so may be one of the accepted kinds."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return head[8:12] == b"WAVE"
    mpeg = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0
    return head[:4] in (b"fLaC", b"OggS") or head[:3] == b"ID3" or mpeg


def check_file(file: Any) -> None:
    """Refuse what cannot become a prompt, as far as its size and first bytes tell.

    Args:
        file: an uploaded file of Django.

    Raises:
        ValidationError: it is empty, too large, or no sound.
    """
    limit = settings.PROMPT_MAX_BYTES
    if not file.size:
        raise ValidationError("The file is empty.", code="empty")
    if file.size > limit:
        raise ValidationError(
            f"The file has {file.size} bytes; at most {limit} are accepted.", code="too_large"
        )
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not looks_like_audio(head):
        raise ValidationError(f"This is no sound file; {ACCEPTED} are accepted.", code="no_audio")


def keep(prompt: Prompt, file: IO[bytes], source_name: str) -> PromptUpload:
    """Store a prompt with a file that is to become its sound; what it played until now goes on until then.

    Args:
        prompt: may be new.
        file: was checked.
        source_name: shown to people, nothing else.
    """
    with transaction.atomic():
        for before in PromptUpload.objects.filter(prompt=prompt.pk):
            blobs.delete(blobs.upload_key(before.pk))
            before.delete()
        prompt.status, prompt.error = Status.CONVERTING, ""
        prompt.source_name = shown_name(source_name)
        prompt._change_reason = f"Uploaded {prompt.source_name}"[:100]
        prompt.save()
        upload = PromptUpload.objects.create(prompt=prompt)
        blobs.write(blobs.upload_key(upload.pk), _parts(file))
    return upload


def shown_name(name: str) -> str:
    """Return the last part of a file's name, without what cannot be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable())[:200]


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while part := file.read(READ_BYTES):
        yield part
