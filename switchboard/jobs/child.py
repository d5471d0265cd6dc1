# SPDX-License-Identifier: Apache-2.0
"""``manage.py runjobs`` as a child of the ui role, where there is no worker. It ends with its parent, whatever ends that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from switchboard.supervisor import Supervisor

log = structlog.get_logger("switchboard.jobs")

CHILD_FLAG: Final = "--exit-with-parent"
LOOK_S: Final = 0.5


@contextmanager
def running(manage: str) -> Iterator[None]:
    """Keep the child running meanwhile.

    Args:
        manage: path of ``manage.py``.
    """
    supervisor = Supervisor({"jobs": ["runjobs", CHILD_FLAG]}, manage, tied=True)
    stopping = threading.Event()

    def keep() -> None:
        while not stopping.wait(LOOK_S):
            for line in supervisor.check():
                log.warning("jobs.ended", detail=line)

    supervisor.start()
    keeper = threading.Thread(target=keep, name="jobs", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join()
        supervisor.stop()
