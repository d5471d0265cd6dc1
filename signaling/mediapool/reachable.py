# SPDX-License-Identifier: Apache-2.0
"""Tells a process that is gone from a network that is slow: where nobody listens, a connection is refused at once.

It must not know streams or sessions.
"""

from __future__ import annotations

import asyncio
import socket

PROBE_TIMEOUT_S = 0.5


async def refuses(address: str) -> bool:
    """Tell whether every address behind ``host:port`` refuses connections now; silence is no refusal."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            return bool(found) and all(
                [await _refuses(str(entry[4][0]), int(entry[4][1])) for entry in found]
            )
    except (OSError, ValueError, TimeoutError):
        return False


async def _refuses(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False
