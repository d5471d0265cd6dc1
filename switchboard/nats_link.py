# SPDX-License-Identifier: Apache-2.0
"""A connection to NATS that keeps itself, in an event loop in a thread of its own.

Shared by whatever a process has to say to NATS. Knows neither events nor records. Invariant: whoever uses it finds out
at once that there is no connection now, and never waits for one longer than `CONNECT_TIMEOUT_S`; that NATS is away, and
that it is back, is logged once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import ServiceUnavailableError

log = structlog.get_logger("switchboard.nats")

CONNECT_TIMEOUT_S: Final = 3.0
PING_EVERY_S: Final = 2
"""A server that leaves two of them unanswered is given up."""
_RECONNECT_EVERY_S: Final = 0.25
_LOOK_EVERY_S: Final = 0.25
_FIRST_RETRY_S, _LAST_RETRY_S = 0.2, 2.0

_Result = TypeVar("_Result")


class NotConnected(OSError):
    """The server cannot be reached now; the text says why, as far as that is known."""


async def connect(url: str, name: str) -> Client:
    """Return a connection that restores itself for as long as it is not closed.

    Args:
        url: ``nats://[user:password@]host:port``, several separated by commas.
        name: what the server's monitoring calls the connection.

    Raises:
        NotConnected: not within `CONNECT_TIMEOUT_S`.
    """
    errors: list[Exception] = []

    async def note(error: Exception) -> None:
        errors[:] = [error]
        if "permissions violation" in str(error).lower():
            log.warning("nats.refused", connection=name, error=sentence(error))

    client = Client()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.connect(
                servers=[server.strip() for server in url.split(",")],
                name=name,
                error_cb=note,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RECONNECT_EVERY_S,  # type: ignore[arg-type]
                connect_timeout=int(CONNECT_TIMEOUT_S),
                ping_interval=PING_EVERY_S,
                max_outstanding_pings=2,
            )
    except Exception as error:
        # The library passes on what sockets, the resolver, TLS and a server that is none make it raise.
        await client.close()
        reason = errors[0] if errors and isinstance(error, TimeoutError) else error
        raise NotConnected("no answer" if isinstance(reason, TimeoutError) else sentence(reason)) from error
    return client


def sentence(error: BaseException) -> str:
    """Return an error in one line."""
    if isinstance(error, ServiceUnavailableError) and error.description is None:
        # Nobody answers at JetStream's subjects, so there is no text.
        return "the server does not run JetStream"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class NatsLink:
    """The connection; its thread begins with the first use.

    Args:
        url: ``nats://[user:password@]host:port``, several separated by commas.
        name: what the server's monitoring calls the connection.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._away_since: float | None = None
        self._reason = "there was no attempt to connect yet"

    @property
    def problem(self) -> str | None:
        """One sentence on why there is no connection, None while there is one."""
        return None if self._away_since is None else f"NATS: {self._reason}"

    def start(self) -> asyncio.AbstractEventLoop:
        """Begin to connect, unless that has begun, and return the thread's loop."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._tried = asyncio.Event()
            threading.Thread(target=_serve, args=(self._loop,), name="nats", daemon=True).start()
            self._loop.call_soon_threadsafe(self._begin)
        return self._loop

    def submit(self, work: Coroutine[Any, Any, _Result]) -> concurrent.futures.Future[_Result]:
        """Have something done in the thread's loop; callable from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self.start())

    def close(self) -> None:
        """Close the connection and end the thread, which is waited for a moment only; it may be used again."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        with contextlib.suppress(NatsError, OSError, TimeoutError, concurrent.futures.TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), loop).result(CONNECT_TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)

    # --- in the loop --------------------------------------------------------------------------------------------

    async def client(self) -> Client:
        """Return the connection, which is there now; only the first attempt to connect is waited for.

        Raises:
            NotConnected: it is not there.
        """
        if self._client is None:
            await self._tried.wait()
        if self._client is None or not self._client.is_connected:
            raise NotConnected(self._reason)
        return self._client

    def _begin(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _end(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _keep(self) -> None:
        """Connect, and connect anew when the library has given a connection up."""
        retry_s = _FIRST_RETRY_S
        while True:
            if self._client is not None and not self._client.is_closed:
                retry_s = _FIRST_RETRY_S
                self._note(None if self._client.is_connected else "the connection is lost")
                await asyncio.sleep(_LOOK_EVERY_S)
                continue
            try:
                self._client = await connect(self._url, self._name)
            except NotConnected as error:
                self._note(str(error))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, _LAST_RETRY_S)

    def _note(self, reason: str | None) -> None:
        """Take note of what is, and log what has changed."""
        if reason is None and self._away_since is not None:
            log.info(
                "nats.back", connection=self._name, after_s=round(time.monotonic() - self._away_since, 1)
            )
            self._away_since = None
        elif reason is not None:
            self._reason = reason
            if self._away_since is None:
                self._away_since = time.monotonic()
                log.warning("nats.away", connection=self._name, reason=reason)
        self._tried.set()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
