# SPDX-License-Identifier: Apache-2.0
"""Imports gRPC set up for small messages between few processes. Import gRPC from here, before anything else does.

gRPC's event engine hands each packet through a thread pool; the classic poller does with fewer threads and saves about
a third of the CPU time per message (``python -m bench.control``). A `GRPC_EXPERIMENTS` that is set already wins.
"""

import os
from typing import Any

os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

# A child process of ours is another program: nothing of gRPC lives on in it that would have to survive the fork.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc

KEEPALIVE_TIME_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000

KEEPALIVE_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_TIME_MS // 2),
    ("grpc.http2.bdp_probe", 0),
)
"""Finds a peer that is gone without a word within 15 s; the bandwidth probe would answer each batch with a ping."""

EOF: Any = vars(grpc.aio)["EOF"]
"""What reading a stream returns at its end (the type stubs of `grpc.aio` lack it)."""

__all__ = ["EOF", "KEEPALIVE_OPTIONS", "KEEPALIVE_TIMEOUT_MS", "KEEPALIVE_TIME_MS", "grpc"]
