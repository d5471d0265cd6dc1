# SPDX-License-Identifier: Apache-2.0
"""Listens to the events of one signaling node, in a thread of its own, until it is closed.

What an event says beyond its type is not read: it tells which tables to look at. Invariant: a stream that broke is
opened again by itself, from the last event on.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.client import HTTPException
from typing import Final

import structlog
from django.conf import settings

from switchboard.dashboard.backends import Backend
from switchboard.dashboard.http_client import SCHEME, connection_to

log = structlog.get_logger("switchboard.dashboard")

TYPES: Final = "call.*,registration.registered,registration.unregistered,registration.expired,session.inactive,rtpmanager.*"
"""A refreshed registration changes nothing but its time; sessions come and go with their calls."""
PATH: Final = f"/api/v1/events?types={TYPES}"
CONNECT_S = 1.0
SILENCE_S = 20.0
"""A node that has no event says so every fifteen seconds."""
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 4.0
MAX_LINE_BYTES = 64 * 1024
OPENED, CLOSED = "stream.opened", "stream.closed"
"""Told like events."""


class EventTail:
    """The event stream of a node.

    Args:
        backend: the node.
        heard: is called in the thread with the type of each event, `OPENED` and `CLOSED`.
    """

    def __init__(self, backend: Backend, heard: Callable[[str], None]) -> None:
        self._backend = backend
        self._heard = heard
        self._last_id = ""
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"events-{backend.name}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; does not wait for the thread."""
        self._closed.set()
        connected = self._socket
        if connected is not None:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("dashboard.stream_was_closed", node=self._backend.name)

    def _run(self) -> None:
        wait_s = FIRST_RETRY_S
        while not self._closed.is_set():
            was_open = False
            try:
                was_open = self._listen()
            except (OSError, HTTPException, ValueError, AttributeError) as error:
                # AttributeError: http.client reads on from a socket that was taken away.
                log.debug("dashboard.stream_failed", node=self._backend.name, error=str(error))
            self._tell(CLOSED)
            wait_s = FIRST_RETRY_S if was_open else min(wait_s * 2, LAST_RETRY_S)
            self._closed.wait(wait_s)

    def _listen(self) -> bool:
        """Listen to one stream until it ends; tell whether there was one."""
        connection, base = connection_to(self._backend.url, CONNECT_S)
        headers = {
            "Authorization": f"{SCHEME} {settings.INTERNAL_API_TOKEN}",
            "Accept": "text/event-stream",
            "Last-Event-ID": self._last_id,
        }
        opened = False
        try:
            connection.connect()
            self._socket = connection.sock
            connection.request("GET", base + PATH, headers=headers)
            response = connection.getresponse()
            if response.status != 200 or self._socket is None:
                return False
            self._socket.settimeout(SILENCE_S)
            opened = True
            self._tell(OPENED)
            while not self._closed.is_set():
                line = response.readline(MAX_LINE_BYTES)
                if not line:
                    break
                self._take(line)
        except (OSError, HTTPException, ValueError, AttributeError):
            if not opened:
                raise
        finally:
            self._socket = None
            connection.close()
        return opened

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b": ")
        if name == b"id":
            self._last_id = value.strip().decode("ascii", "ignore")
        elif name == b"event":
            self._tell(value.strip().decode("ascii", "ignore"))

    def _tell(self, event_type: str) -> None:
        if self._closed.is_set():
            return
        try:
            self._heard(event_type)
        except RuntimeError:
            # The event loop that listened is gone, as at the end of the process.
            self._closed.set()
