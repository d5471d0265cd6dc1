# SPDX-License-Identifier: Apache-2.0
"""A node in miniature to be killed: makes calls, journals them, writes them to the database, and says what it knows.

Each line on standard output is a promise: ``noted ID`` (a crash must not hide this call), ``ended ID`` (this record
is on disk as it was).
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path


async def main(directory: Path) -> None:
    """Make calls without end, a hundred at a time."""
    from cdrs.journal import Journal
    from cdrs.writer import DatabaseWriter

    writer = DatabaseWriter(directory, batch_size=20, gather_s=0.0)
    # Segments so small that rotation and removal happen all the time.
    journal = Journal(directory, "child", max_segment_bytes=20_000, on_commit=writer.wake)
    journal.open()
    writer.start()
    say("ready")
    await asyncio.gather(*(call_for_ever(journal) for _ in range(100)))


async def call_for_ever(journal: object) -> None:
    """Start, answer and end one call after the other."""
    from cdrs.journal import Journal
    from cdrs.record import CallRecord, EndReason, HangupBy, new_record_id

    assert isinstance(journal, Journal)
    while True:
        record_id = new_record_id(time.time(), os.urandom(10))
        record = CallRecord(id=record_id, call_id=record_id, invite_time=time.time())
        journal.call_started(record)
        await asyncio.sleep(0.25)
        say(f"noted {record_id}")
        await asyncio.sleep(random.random() * 0.1)
        record.answer_time = time.time()
        journal.call_answered(record)
        await asyncio.sleep(random.random() * 0.1)
        record.finish(time.time(), EndReason.NORMAL, HangupBy.CALLER, 200)
        if await journal.call_ended(record):
            say(f"ended {record_id}")


def say(line: str) -> None:
    """Write a line at once: what the pipe has taken survives the process."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
    import django

    django.setup()
    asyncio.run(main(Path(sys.argv[1])))
