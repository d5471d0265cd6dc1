# SPDX-License-Identifier: Apache-2.0
"""Dashboards that stay open: what a browser shows of them is read and counted."""

from __future__ import annotations

import asyncio
import threading
from http.cookiejar import CookieJar

from bench.processes import wait_until

START_TIMEOUT_S = 60.0


class Dashboards:
    """Open pages: WebSockets whose messages are read and counted; a context manager.

    Args:
        port: of the ui on this host.
        cookies: of somebody who is logged in.
        count: how many.
    """

    def __init__(self, port: int, cookies: CookieJar, count: int) -> None:
        self._port = port
        self._cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)
        self._count = count
        self.bytes = [0] * count
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Dashboards:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        wait_until(lambda: all(self.bytes), START_TIMEOUT_S, "every dashboard to show something")
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _open(self) -> None:
        self._tasks = [asyncio.ensure_future(self._read(number)) for number in range(self._count)]

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = (
            "GET /ws/live HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Cookie: {self._cookie}",
        )
        writer.write("\r\n".join((*lines, "", "")).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        try:
            while data := await reader.read(1 << 16):
                self.bytes[number] += len(data)
        finally:
            writer.close()
