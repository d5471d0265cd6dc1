# SPDX-License-Identifier: Apache-2.0
"""Deletes sounds and uploads that belong to no prompt any more.

Invariant: what was written within a day stays: its prompt may be about to be stored, or a call may still play it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from media.models import Piece, Prompt, PromptUpload
from media.prompts import blobs

KEPT: Final = timedelta(days=1)


def prune() -> int:
    """Delete what nothing refers to; return how many files that were."""
    old = set(
        Piece.objects.filter(number=0, created_at__lt=timezone.now() - KEPT).values_list("key", flat=True)
    )
    old -= {blobs.sound_key(sha256) for sha256 in Prompt.objects.values_list("sha256", flat=True)}
    old -= {blobs.upload_key(pk) for pk in PromptUpload.objects.values_list("pk", flat=True)}
    for key in old:
        blobs.delete(key)
    return len(old)
