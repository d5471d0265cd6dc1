# SPDX-License-Identifier: Apache-2.0
"""Deletes recordings that are older than they are kept, rows and files, and finds files that no row knows.

Invariant: a row is deleted only after its file was removed here, or is not here; one whose file cannot be removed
stays, to be tried again.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from itertools import islice
from typing import Final, NamedTuple

from django.utils.timezone import now

from cdrs.models import Recording
from cdrs.recordings import files

logger = logging.getLogger(__name__)

BATCH: Final = 500
"""Recordings deleted in one transaction."""
ORPHAN_AGE_S: Final = 2 * 86400
"""A file that was written to more recently may belong to a call that goes on, or whose record is on its way."""


class Pruned(NamedTuple):
    """What a run did."""

    deleted: int
    """Rows."""
    files: int
    """Files of those that were here."""
    failed: int
    """Rows that stay because their file cannot be removed."""
    orphans: int
    """Files without a row."""
    orphans_deleted: int


def prune(keep_days: int) -> Pruned:
    """Delete what began more than ``keep_days`` days ago; 0 deletes nothing and counts orphans only."""
    deleted = removed = failed = 0
    if keep_days:
        deleted, removed, failed = _delete_older(keep_days)
    orphans, orphans_deleted = _sweep_orphans(keep_days)
    if orphans:
        logger.warning("recordings: %d files have no row, %d of them deleted", orphans, orphans_deleted)
    return Pruned(deleted, removed, failed, orphans, orphans_deleted)


def _delete_older(keep_days: int) -> tuple[int, int, int]:
    old = Recording.objects.filter(began_at__lt=now() - timedelta(days=keep_days)).order_by("began_at", "id")
    deleted = removed = 0
    stuck: set[str] = set()
    while rows := list(old.exclude(pk__in=stuck).values_list("pk", "file")[:BATCH]):
        gone = []
        for key, file in rows:
            try:
                removed += files.remove(file)
                gone.append(key)
            except OSError as error:
                stuck.add(str(key))
                logger.error("recording %s cannot be removed: %s", file, error)
        deleted += Recording.objects.filter(pk__in=gone).delete()[0]
    return deleted, removed, len(stuck)


def _sweep_orphans(keep_days: int) -> tuple[int, int]:
    """Count files without a row; delete those that are older than recordings are kept."""
    moment = time.time()
    quiet = (name for name, written in files.all_names() if moment - written > ORPHAN_AGE_S)
    found = deleted = 0
    while names := list(islice(quiet, BATCH)):
        known = set(Recording.objects.filter(file__in=names).values_list("file", flat=True))
        for name in names:
            if name in known:
                continue
            found += 1
            if keep_days and _is_older(name, moment - keep_days * 86400):
                deleted += _removed(name)
    return found, deleted


def _is_older(name: str, moment: float) -> bool:
    try:
        return (files.root() / name).stat().st_mtime < moment
    except OSError:
        return False


def _removed(name: str) -> bool:
    try:
        return files.remove(name)
    except OSError as error:
        logger.error("orphaned recording %s cannot be removed: %s", name, error)
        return False
