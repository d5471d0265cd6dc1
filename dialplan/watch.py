# SPDX-License-Identifier: Apache-2.0
"""Re-imports the file of DIALPLAN_PATH whenever it changes.

Called from a thread, every second or so. The dialplan in the database stays as it is while the file is missing or
broken; each new problem is logged once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from dialplan.engine import DialplanError
from dialplan.files import ImportResult, import_watched, read_document

log = logging.getLogger(__name__)

Signature = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """What is known of the watched file since the last look; a fresh one imports at the first look."""

    signature: Signature | None = None
    """Device, inode, size and times of the content that was dealt with."""
    reported: str = ""
    """The problem that was logged last."""
    result: ImportResult | None = None
    """What the last import changed; None: there was none yet, or the file has been broken since."""


def import_if_changed(path: Path, state: WatchState) -> WatchState:
    """Import the file when it changed since `state`, and return the state to pass in the next time.

    Raises nothing for a file that is missing or broken or a database that is away: that is logged, and looked at
    again when the file changes or, for the database, at the next call.
    """
    if not connection.in_atomic_block:
        close_old_connections()
    try:
        signature = _signature(path)
        if signature == state.signature:
            return state
        document = read_document(path)
    except OSError as error:
        return _report(
            replace(state, signature=None), f"DIALPLAN_PATH {path} cannot be read: {error.strerror or error}"
        )
    except DialplanError as error:
        return _report(replace(state, signature=signature, result=None), f"{path} is refused:\n{error}")
    try:
        result = import_watched(document, path)
    except DialplanError as error:
        return _report(replace(state, signature=signature, result=None), f"{path} is refused:\n{error}")
    except DatabaseError as error:
        return _report(state, f"{path} waits for the database: {error}")
    log.info("dialplan imported from %s: %s", path, result)
    return WatchState(signature=signature, result=result)


def _signature(path: Path) -> Signature:
    """Return what changes when the content does; taken before reading, so that a later write is seen."""
    status = path.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _report(state: WatchState, problem: str) -> WatchState:
    if problem != state.reported:
        log.error("dialplan kept as it is: %s", problem)
    return replace(state, reported=problem)
