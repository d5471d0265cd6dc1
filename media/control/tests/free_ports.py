# SPDX-License-Identifier: Apache-2.0
"""Runs of UDP ports that nobody uses, below the ephemeral range and apart from other test runs."""

import itertools
import os
import socket

FIRST_PORT, RUN, RUNS = 11000, 40, 170
_runs = itertools.count(os.getpid() * 7)


def free_range(count: int) -> int:
    """Return the first, even port of `count` (at most 40) free ones."""
    for number in itertools.islice(_runs, RUNS):
        first = FIRST_PORT + number % RUNS * RUN
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
