# SPDX-License-Identifier: Apache-2.0
"""Turns uploads that wait into prompts that play; called by the worker, and by the command that adds one.

Invariants: a hostile file costs one child process with bounds on its time, memory and output; a worker that dies leaves
the upload to the next one, which gives up after some attempts; what a newer upload replaced is never stored over it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from media.models import BAR_COUNT, Prompt, PromptUpload, Status
from media.prompts import blobs

log = structlog.get_logger("switchboard.prompts")

WALL_S: Final = 120.0
ATTEMPTS: Final = 3
CLAIM: Final = timedelta(minutes=5)
"""After this long the worker that had claimed an upload is taken for dead."""
READ_BYTES: Final = 1 << 16


class NotConverted(ValueError):
    """A file cannot become a prompt; the text is for who uploaded it."""


def convert_waiting() -> int:
    """Convert the uploads that nobody else converts now; return how many."""
    done = 0
    while (upload := _claim()) is not None:
        convert_upload(upload)
        done += 1
    return done


def _claim() -> PromptUpload | None:
    """Return an upload that is now this worker's."""
    now = timezone.now()
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM)
    for upload in PromptUpload.objects.filter(free).select_related("prompt")[:10]:
        mine = PromptUpload.objects.filter(free, pk=upload.pk)
        if mine.update(claimed_at=now, attempts=F("attempts") + 1):
            upload.attempts += 1
            return upload
    return None


def convert_upload(upload: PromptUpload) -> None:
    """Convert one upload and store what became of it."""
    try:
        if upload.attempts > ATTEMPTS:
            raise NotConverted("its conversion was interrupted again and again")
        with tempfile.TemporaryDirectory(prefix="switchboard-prompt-") as name:
            source, target = Path(name, "source"), Path(name, "target.wav")
            with source.open("wb") as file:
                for piece in blobs.read(blobs.upload_key(upload.pk)):
                    file.write(piece)
            made = _run(source, target)
            _store(upload, made, target)
    except NotConverted as error:
        log.warning("prompt.not_converted", prompt=str(upload.prompt_id), error=str(error))
        _finish(upload, status=Status.FAILED, error=str(error)[:300])


def _run(source: Path, target: Path) -> dict[str, Any]:
    """Convert a file in a process of its own; return what it tells."""
    limits = [*("--max-s", str(settings.PROMPT_MAX_S)), *("--bars", str(BAR_COUNT))]
    command = [sys.executable, "-m", "media.prompts.convert", str(source), str(target), *limits]
    # No variable of this process but these: the decoders are not to know a secret.
    env = {"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "HOME": str(source.parent)}
    try:
        done = subprocess.run(  # noqa: S603 - the product's own module
            command,
            cwd=settings.BASE_DIR,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotConverted("its conversion takes too long") from error
    if done.returncode:
        log.warning(
            "prompt.converter_died", code=done.returncode, said=done.stderr.decode(errors="replace")[-500:]
        )
        raise NotConverted("it is broken, or made to be: the converter died of it")
    made: dict[str, Any] = json.loads(done.stdout)
    if "error" in made:
        raise NotConverted(made["error"])
    return made


def _store(upload: PromptUpload, made: dict[str, Any], target: Path) -> None:
    digest = hashlib.sha256()
    for part in _parts(target):
        digest.update(part)
    with transaction.atomic():
        blobs.write(blobs.sound_key(digest.hexdigest()), _parts(target))
        _finish(
            upload,
            status=Status.READY,
            error="",
            sha256=digest.hexdigest(),
            size=target.stat().st_size,
            duration_ms=made["duration_ms"],
            peaks=made["peaks"],
            source_format=made["format"][:100],
        )


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            yield part


def _finish(upload: PromptUpload, **values: Any) -> None:
    """Write what became of an upload to its prompt, unless a newer one took its place."""
    with transaction.atomic():
        gone, _ = PromptUpload.objects.filter(pk=upload.pk).delete()
        blobs.delete(blobs.upload_key(upload.pk))
        prompt = Prompt.objects.select_for_update().filter(pk=upload.prompt_id).first()
        if not gone or prompt is None:
            return
        for name, value in values.items():
            setattr(prompt, name, value)
        prompt._change_reason = "Converted" if prompt.status == Status.READY else "Could not be converted"
        prompt.save()
