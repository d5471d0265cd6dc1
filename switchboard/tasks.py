# SPDX-License-Identifier: Apache-2.0
"""A sign of life of whoever does the jobs."""

from __future__ import annotations

import socket

from celery import shared_task


@shared_task(name="switchboard.heartbeat")
def heartbeat() -> str:
    """Return where jobs are done; the record of this run is what health looks at."""
    return socket.gethostname()
