# SPDX-License-Identifier: Apache-2.0
"""Room for sockets: the process's limit on open files against the connections that the settings allow."""

from __future__ import annotations

import logging
import resource

logger = logging.getLogger(__name__)

OTHER_DESCRIPTORS = 256
"""For listeners, database, logs, journal and media control."""


def make_room(connections: int) -> int:
    """Raise the soft limit on open files so that `connections` fit; return how many do.

    Distributions start processes with a soft limit of 1024 and a hard one far above, for the sake of select().
    """
    wanted = connections + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    logger.warning(
        "The limit on open files (%d) leaves room for fewer TCP connections than %d; raise it (ulimit -n)",
        soft,
        connections,
    )
    return max(1, soft - OTHER_DESCRIPTORS)
