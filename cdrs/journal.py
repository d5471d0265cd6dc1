# SPDX-License-Identifier: Apache-2.0
"""The durable journal of calls: what must be on disk before a BYE is answered.

One asyncio loop tells it of calls; one thread writes, so the loop never touches a file. All that was queued goes to
disk by one write and one fdatasync (group commit). Must not know SIP, the database or who delivers the records.

Invariant: a future of `call_ended` that gives True means that the record is on disk. One that gives False came back
because the disk refuses or hangs; the record is still held in memory and written as soon as that is possible. No
future stays open longer than ``max_wait_s``, so a broken disk delays a BYE but never keeps a call.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from cdrs.committer import RETRY_S, Committer, Entry
from cdrs.lock import FileLock
from cdrs.record import CallRecord
from cdrs.recovery import OpenCall, cut_off, find_open
from cdrs.segments import ANSWERED, ENDED, STARTED, STATE, list_segments

logger = logging.getLogger(__name__)

_Waiter = asyncio.Future[bool]

_LAST_WORDS = 1000
"""Most records printed to the log when the process stops while the disk still refuses them."""


class Journal:
    """The journal of one signaling node in a directory of its own.

    ``open`` it, tell it of calls from one event loop, ``close`` it.

    Args:
        directory: made when missing; one process at a time may use it.
        node_id: name of this signaling node.
        max_segment_bytes: size at which a new file is begun.
        max_held: most ended records kept in memory while the disk refuses or hangs.
        max_wait_s: longest time until the future of `call_ended` is done.
        commit_delay_s: how long ended calls gather before they are written together.
        note_delay_s: how long a start or an answer may wait for company; what a SIGKILL can lose of them. Of a call
            that comes further in this time, only where it has come to is written.
        heartbeat_s: interval of the signs of life while calls are up; how exactly a crash is dated.
        clock: seconds since the epoch.
        on_commit: called in the journal's thread whenever ended calls reached the disk.
    """

    def __init__(
        self,
        directory: Path,
        node_id: str,
        *,
        max_segment_bytes: int = 8 * 1024 * 1024,
        max_held: int = 50_000,
        max_wait_s: float = 2.0,
        commit_delay_s: float = 0.005,
        note_delay_s: float = 0.02,
        heartbeat_s: float = 2.0,
        clock: Callable[[], float] = time.time,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        self._directory = directory
        self._committer = Committer(
            directory, node_id, max_segment_bytes=max_segment_bytes, max_held=max_held, clock=clock
        )
        self._lock = FileLock(directory / "journal.lock", "CDR journal")
        self._max_held = max_held
        self._max_wait_s = max_wait_s
        self._commit_delay_s = commit_delay_s
        self._note_delay_s = note_delay_s
        self._heartbeat_s = heartbeat_s
        self._on_commit = on_commit
        # Appended by the loop, drained by the thread: deque's ends are atomic, so no lock is taken per call.
        self._queue: deque[tuple[Entry, _Waiter | None]] = deque()
        self._notes: dict[str, tuple[str, CallRecord]] = {}
        """Kind and record of open calls that are to be written, by the record's id."""
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._waiting: deque[tuple[float, _Waiter]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._note_flush: asyncio.TimerHandle | None = None
        self._refused = 0
        self.left_open: list[OpenCall] = []
        """Calls of an earlier process that `open` left open."""
        self.is_new = False
        """Whether `open` found nothing at all: a disk that has never been used."""

    def open(self, goes_on: Callable[[OpenCall], bool] | None = None) -> list[CallRecord]:
        """Lock the directory, journal the calls that a crash cut off as ended, start the thread; return those calls.

        Does file I/O: call it before the event loop serves, or in a thread.

        Args:
            goes_on: tells of a call with a state whether it is to stay open; they are `left_open` then, and whoever
                asked for them ends each of them by `call_ended`. None: no call stays open.

        Raises:
            DirectoryInUse: another process uses the directory.
            OSError: the directory cannot be made or read. A full disk is no error here but a `problem`.
        """
        self._lock.acquire()
        try:
            for draft in self._directory.glob("*.tmp"):
                draft.unlink()
            self.is_new = not list_segments(self._directory)
            found = find_open(self._directory)
        except OSError:
            self._lock.release()
            raise
        self.left_open = [call for call in found if call.state and goes_on is not None and goes_on(call)]
        kept = {call.record.id for call in self.left_open}
        ended = [cut_off(call) for call in found if call.record.id not in kept]
        for call in self.left_open:
            record = call.record
            self._committer.adopt(
                [
                    Entry(ANSWERED, record.id, record.to_json()),
                    Entry(STATE, record.id, _state(record.id, call.state)),
                ]
            )
        self._committer.commit(Entry(ENDED, record.id, record.to_json()) for record in ended)
        self._thread = threading.Thread(target=self._run, name="cdr-journal", daemon=True)
        self._thread.start()
        return ended

    async def close(self, timeout_s: float = 5.0) -> None:
        """Write what is queued, stop the thread, unlock the directory. Calls still open count as cut off next time."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._flush_notes()
        self._closing = True
        self._wake.set()
        await asyncio.to_thread(thread.join, timeout_s)
        if thread.is_alive():
            logger.error("CDR journal: the disk hangs, %d entries stay unwritten", len(self._queue))
        else:
            self._lock.release()

    @property
    def problem(self) -> str | None:
        """One sentence on why records cannot be written now, or None."""
        if self._thread is not None and not self._thread.is_alive():
            return "CDR journal: its thread has ended"
        return self._committer.problem

    @property
    def open_calls(self) -> int:
        """Calls that started and did not end, as far as the thread has seen."""
        return self._committer.open_calls

    @property
    def unwritten(self) -> int:
        """Entries that wait for the disk, queued or held because it refuses them."""
        return len(self._queue) + len(self._notes) + len(self._committer.held)

    @property
    def lost(self) -> int:
        """Ended records dropped since `open`, because more than ``max_held`` would have had to be held."""
        return self._refused + self._committer.lost

    def call_started(self, record: CallRecord) -> None:
        """Note that a call began; call it once the record names caller and called number.

        The record is read when it is written, up to ``note_delay_s`` later.
        """
        self._note(STARTED, record)

    def call_answered(self, record: CallRecord) -> None:
        """Note that a call was answered, or anything else about an open call that a crash should not lose."""
        self._note(ANSWERED, record)

    def call_state(self, record_id: str, state: str) -> None:
        """Note how a later process can go on with an open call: one line of ASCII that only it understands."""
        if len(self._queue) + len(self._notes) >= self._max_held:
            return
        if record_id in self._notes:
            self._flush_notes()
        self._queue.append((Entry(STATE, record_id, _state(record_id, state)), None))
        self._flush_notes_soon()

    def call_ended(self, record: CallRecord) -> asyncio.Future[bool]:
        """Queue the finished record; the future is True once it is on disk, False when it cannot be for now.

        The future never raises and is done after ``max_wait_s`` at the latest. It is done at once while `problem` is
        set. Cancelling it is harmless.
        """
        loop = asyncio.get_running_loop()
        future: _Waiter = loop.create_future()
        self._notes.pop(record.id, None)
        if len(self._queue) >= self._max_held:
            self._refused += 1
            future.set_result(False)
            return future
        broken = self.problem is not None
        self._queue.append((Entry(ENDED, record.id, record.to_json()), None if broken else future))
        if broken:
            future.set_result(False)
        else:
            self._waiting.append((loop.time() + self._max_wait_s, future))
            if self._sweep is None:
                self._sweep = loop.call_later(self._max_wait_s, self._give_up_waiting, loop)
        if not self._wake.is_set():
            self._wake.set()
        return future

    def _note(self, kind: str, record: CallRecord) -> None:
        if len(self._queue) + len(self._notes) >= self._max_held:
            return
        self._notes[record.id] = (kind, record)
        self._flush_notes_soon()

    def _flush_notes_soon(self) -> None:
        if self._note_flush is None:
            loop = asyncio.get_running_loop()
            self._note_flush = loop.call_later(self._note_delay_s, self._flush_notes)

    def _flush_notes(self) -> None:
        if self._note_flush is not None:
            self._note_flush.cancel()
            self._note_flush = None
        if self._notes:
            notes, self._notes = self._notes, {}
            self._queue.extend(
                (Entry(kind, record.id, record.to_json()), None) for kind, record in notes.values()
            )
        if self._queue:
            self._wake.set()

    def _give_up_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer the futures that are due with False, and come back for the next one."""
        self._sweep = None
        now = loop.time()
        while self._waiting:
            deadline, future = self._waiting[0]
            if not future.done():
                if deadline > now + 0.001:
                    self._sweep = loop.call_at(deadline, self._give_up_waiting, loop)
                    return
                future.set_result(False)
            self._waiting.popleft()

    def _resolve(self, futures: list[_Waiter], on_disk: bool) -> None:
        for future in futures:
            if not future.done():
                future.set_result(on_disk)
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()

    # --- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        beat_at = time.monotonic() + self._heartbeat_s
        while True:
            self._wake.wait(self._idle_s(beat_at))
            if self._wake.is_set() and not self._closing:
                time.sleep(self._commit_delay_s)
            closing = self._closing
            self._wake.clear()
            self._commit_queue()
            if closing:
                break
            if time.monotonic() >= beat_at:
                if self._committer.open_calls and self._committer.problem is None:
                    self._committer.beat()
                beat_at = time.monotonic() + self._heartbeat_s
        self._committer.close()
        self._speak_last_words()

    def _idle_s(self, beat_at: float) -> float | None:
        """Return how long the thread may sleep when nothing comes, None for ever."""
        if self._committer.problem is not None:
            return RETRY_S
        if self._committer.open_calls:
            return max(beat_at - time.monotonic(), 0.0)
        return None

    def _commit_queue(self) -> None:
        entries: list[Entry] = []
        futures: list[_Waiter] = []
        was_broken = self._committer.problem is not None
        ended = was_broken
        while self._queue:
            entry, future = self._queue.popleft()
            entries.append(entry)
            ended = ended or entry.kind == ENDED
            if future is not None:
                futures.append(future)
        if not entries and not was_broken:
            return
        on_disk = self._committer.commit(entries)
        if futures:
            try:
                futures[0].get_loop().call_soon_threadsafe(self._resolve, futures, on_disk)
            except RuntimeError:
                logger.debug("CDR journal: the event loop is gone, nobody waits any more")
        if ended and on_disk and self._on_commit is not None:
            self._on_commit()

    def _speak_last_words(self) -> None:
        """Log the records that the disk refused to the end: the log may be on another one."""
        for line in self._committer.held[:_LAST_WORDS]:
            logger.critical("CDR not written: %s", line.decode("ascii").rstrip())


def _state(record_id: str, state: str) -> str:
    return f"{record_id} {state}"
