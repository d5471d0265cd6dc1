# SPDX-License-Identifier: Apache-2.0
"""Carries journalled records to a sink, at least once, in order, and removes the segments that are done with.

Knows the journal's files and the `Sink` interface; not what a sink does. Invariant: the cursor moves and a segment
goes only after the sink has taken, or refused for good, everything before. A sink that stores by the record's id
therefore stores each record exactly once, whenever the process is killed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cdrs.dead_letters import DeadLetters
from cdrs.lock import FileLock
from cdrs.reader import JournalReader
from cdrs.record import CallRecord

logger = logging.getLogger(__name__)

_FIRST_BACKOFF_S: Final = 0.2
_HANGING_S: Final = 10.0
"""A delivery that takes longer is reported as a problem."""


class SinkUnavailable(Exception):
    """The sink cannot take records now, for a reason that is not theirs; nothing may be assumed about what it took."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that the sink can never take, and why."""

    record: CallRecord
    reason: str


class Sink(Protocol):
    """Where records go. Used by one thread."""

    name: str
    """What the log and the health report call it: "the database"."""

    def deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        """Store the records durably, those that it already has excepted; return the ones it can never take.

        Raises:
            SinkUnavailable: try the same records again later.
        """

    def close(self) -> None:
        """Give back connections; the sink may be used again."""


class Deliverer:
    """A thread that empties a journal directory into a sink."""

    def __init__(
        self,
        directory: Path,
        sink: Sink,
        *,
        batch_size: int = 500,
        gather_s: float = 0.1,
        poll_s: float = 1.0,
        max_backoff_s: float = 5.0,
    ) -> None:
        """
        Args:
            directory: the journal's; segments of earlier runs are delivered too.
            sink: where the records go.
            batch_size: most records in one delivery.
            gather_s: pause after `wake`, so that one delivery serves several calls.
            poll_s: how often the directory is looked at without a `wake`.
            max_backoff_s: longest pause between attempts while the sink is unavailable.
        """
        self._sink = sink
        self._batch_size = batch_size
        self._gather_s = gather_s
        self._poll_s = poll_s
        self._max_backoff_s = max_backoff_s
        self._lock = FileLock(directory / "delivery.lock", "CDR delivery")
        self._reader = JournalReader(directory)
        self._dead_letters = DeadLetters(directory / "dead-letters.jsonl")
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._stop_by = 0.0
        self._thread: threading.Thread | None = None
        self._delivering_since: float | None = None
        self._outage: str | None = None
        self._backlog = 0
        self.delivered = 0
        self.rejected = 0

    def start(self) -> None:
        """Start the thread.

        Raises:
            DirectoryInUse: another process delivers from this directory.
            OSError: the directory cannot be made.
        """
        self._lock.acquire()
        self._thread = threading.Thread(target=self._run, name="cdr-delivery", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Deliver what is there if the sink takes it, then end the thread; wait at most ``timeout_s`` for that.

        What remains is delivered after the next start.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stop_by = time.monotonic() + timeout_s
        self._stop.set()
        self._wake.set()
        thread.join(timeout_s)
        if thread.is_alive():
            logger.warning(
                "CDR delivery: %s hangs; %d records stay in the journal", self._sink.name, self.backlog
            )
        else:
            self._lock.release()

    def wake(self) -> None:
        """Say that there is something to deliver; callable from any thread."""
        self._wake.set()

    @property
    def backlog(self) -> int:
        """Records that are journalled and not delivered, as last counted."""
        return self._backlog

    @property
    def problem(self) -> str | None:
        """One sentence on why records do not arrive, or None."""
        if self._thread is not None and not self._thread.is_alive():
            return "CDR delivery: its thread has ended"
        since = self._delivering_since
        if since is not None and time.monotonic() - since > _HANGING_S:
            return f"CDR delivery: {self._sink.name} has not answered for {time.monotonic() - since:.0f} s"
        return self._outage

    # --- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                stopping = self._stop.is_set()
                self._deliver_all()
                if stopping:
                    return
                if self._wake.wait(self._poll_s):
                    self._stop.wait(self._gather_s)
        finally:
            self._sink.close()

    def _deliver_all(self) -> None:
        """Deliver batch after batch until nothing is left, or until a stop cuts it short."""
        while not (self._stop.is_set() and time.monotonic() > self._stop_by):
            try:
                batch = self._reader.read(self._batch_size)
            except OSError as error:
                self._note_outage(f"the journal cannot be read: {error}")
                return
            if not batch.is_progress:
                self._note_recovery()
                return
            self._backlog = self._reader.count_ahead() if batch.is_full else batch.ended_lines
            if batch.records and not self._deliver(batch.records):
                return
            for damage in batch.damaged:
                self._reject(damage.raw, damage.reason)
            self._reader.commit(batch)
            self._backlog = max(self._backlog - batch.ended_lines, 0)

    def _deliver(self, records: list[CallRecord]) -> bool:
        """Deliver one batch, however long the sink is away; return False when a stop came first."""
        backoff_s = _FIRST_BACKOFF_S
        while (rejected := self._attempt(records)) is None:
            if self._stop.wait(backoff_s):
                return False
            backoff_s = min(backoff_s * 2, self._max_backoff_s)
            self._backlog = self._reader.count_ahead()
        for item in rejected:
            self._reject(item.record.to_json().encode("ascii"), item.reason)
        self.delivered += len(records) - len(rejected)
        self._note_recovery()
        return True

    def _attempt(self, records: list[CallRecord]) -> list[Rejected] | None:
        """Return what the sink refused, or None when it is unavailable."""
        self._delivering_since = time.monotonic()
        try:
            return self._sink.deliver(records)
        except SinkUnavailable as error:
            self._note_outage(str(error))
        except Exception as error:
            logger.debug("CDR delivery: unexpected error", exc_info=True)
            self._note_outage(f"{type(error).__name__}: {error}")
        finally:
            self._delivering_since = None
        return None

    def _reject(self, line: bytes, reason: str) -> None:
        self.rejected += 1
        self._dead_letters.add(line, reason)

    def _note_outage(self, reason: str) -> None:
        if self._outage is None:
            logger.warning("CDRs wait in the journal: %s: %s", self._sink.name, reason)
        self._outage = f"CDRs wait in the journal: {self._sink.name}: {reason}"

    def _note_recovery(self) -> None:
        if self._outage is not None:
            logger.info("CDRs are delivered again to %s; backlog %d", self._sink.name, self._backlog)
            self._outage = None
