# SPDX-License-Identifier: Apache-2.0
"""Asks one signaling node over HTTP, in bounded time and memory.

Blocks its thread. Invariant: a conversation ends by its deadline however slowly the other side sends, because the
socket is shut from outside then.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Container
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

MAX_BODY_BYTES = 32 * 1024 * 1024
SCHEME = "Internal"
PERSON_HEADER = "On-Behalf-Of"


class BackendProblem(Exception):
    """A node gave no usable answer; the text is made for the person at the page."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Conversation:
    """Requests to one node over one connection, all of them within ``timeout_s``.

    Args:
        url: of the node.
        token: to show.
        timeout_s: for all of it.
        person: whom the node is to write down as the one who asks.
    """

    def __init__(self, url: str, token: str, timeout_s: float, person: str = "") -> None:
        self._connection, self._base = connection_to(url, timeout_s)
        self._headers = {"Authorization": f"{SCHEME} {token}", "Accept": "application/json"}
        if person:
            self._headers[PERSON_HEADER] = quote(person)
        self._socket: socket.socket | None = None
        self._over = False
        self._alarm = threading.Timer(timeout_s, self._end)
        self._alarm.daemon = True

    def __enter__(self) -> Conversation:
        self._alarm.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alarm.cancel()
        self._connection.close()

    def ask(self, method: str, path: str, *, fine: Container[int] = ()) -> dict[str, Any]:
        """Return the JSON object that a node answers with.

        Args:
            method: of HTTP.
            path: with its query.
            fine: statuses of 400 and more that are no problem.

        Raises:
            BackendProblem: it is not reached, late, refuses, or what it says is no JSON object.
        """
        try:
            self._connection.request(method, self._base + path, headers=self._headers)
            # Kept, because http.client lets go of the socket of an answer that ends the connection.
            self._socket = self._connection.sock
            response = self._connection.getresponse()
            body = response.read(MAX_BODY_BYTES + 1)
        except (OSError, HTTPException, ValueError, AttributeError) as error:
            # AttributeError: http.client reads on from a socket that the alarm has taken away.
            late = self._over or isinstance(error, TimeoutError)
            raise BackendProblem("does not answer in time" if late else "cannot be reached") from error
        if self._over:
            raise BackendProblem("does not answer in time")
        if len(body) > MAX_BODY_BYTES:
            raise BackendProblem("answers with more than can be shown")
        return _object(body, 200 if response.status in fine else response.status)

    def _end(self) -> None:
        self._over = True
        connected = self._socket or self._connection.sock
        if connected is not None:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._connection.close()


def connection_to(url: str, timeout_s: float) -> tuple[HTTPConnection, str]:
    """Return a connection to a node that is not open yet, and the path that all its addresses begin with."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout_s), parts.path.rstrip("/")


def in_words(status: int, said: str = "") -> str:
    """Return what a node answered that refuses a request: the status of HTTP, its name, and what it said of it."""
    name = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    told = f"answers {status} {name}".rstrip()
    if said and said.rstrip(".").lower() != name.lower():
        return f"{told}: {said}"
    return (
        f"{told}; is its address in UI_BACKENDS that of a signaling node?"
        if status == HTTPStatus.NOT_FOUND
        else told
    )


def _object(body: bytes, status: int) -> dict[str, Any]:
    try:
        answer = json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        if status >= 400:
            raise BackendProblem(in_words(status), status) from error
        raise BackendProblem("answers with something that is not JSON", status) from error
    if status >= 400:
        said = answer.get("error") if isinstance(answer, dict) else None
        raise BackendProblem(said if isinstance(said, str) else in_words(status), status)
    if not isinstance(answer, dict):
        raise BackendProblem("answers with something unexpected", status)
    return answer
