# SPDX-License-Identifier: Apache-2.0
"""A sign of life of whoever does the jobs, who then also looks for those that were missed."""

from __future__ import annotations

import socket

from celery import Task, shared_task

from switchboard.jobs import missed


@shared_task(name="switchboard.heartbeat", bind=True)
def heartbeat(self: Task) -> str:
    """Return where jobs are done; the record of this run is what health looks at."""
    if not self.request.is_eager:
        # Without a broker `LocalBeat` sees to it.
        missed.order(self.app.send_task)
    return socket.gethostname()
