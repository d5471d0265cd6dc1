# SPDX-License-Identifier: Apache-2.0
"""A client of a signaling node's live REST API, for commands. Blocks its thread.

Invariant: whatever goes wrong is one sentence and an exit code.
"""

from __future__ import annotations

import ipaddress
import re
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

TIMEOUT_S: Final = 5.0
TOKEN_VARIABLE: Final = "SWITCHBOARD_TOKEN"  # noqa: S105 - the name of a variable
LISTS: Final = {"calls": "calls", "registrations": "registrations", "rtpmanagers": "members"}
"""Table → the name of the list in its answer."""
REFUSED, UNREACHABLE, DENIED, NOT_FOUND = 1, 3, 4, 5
"""Exit codes: the node refused, cannot be reached, did not allow it, or does not know the thing."""
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ")
_EXIT_OF_STATUS: Final = {401: DENIED, 403: DENIED, 404: NOT_FOUND}


class NodeProblem(Exception):
    """A node did not do what was asked.

    Args:
        text: one sentence for the person who asked.
        exit_code: what a command ends with.
    """

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class NodeClient:
    """Asks one node.

    Args:
        server: ``http://host:port``.
        authorization: value of the Authorization header; "" for none.
        transport: carries the requests; None: the network.
    """

    def __init__(self, server: str, authorization: str, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        self._server = server
        try:
            self._client = httpx.Client(
                base_url=server, headers=headers, timeout=TIMEOUT_S, transport=transport, trust_env=False
            )
        except httpx.InvalidURL as error:
            raise NodeProblem(f"{server}: {error}", UNREACHABLE) from error

    def __enter__(self) -> NodeClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return what is alive: a table of `LISTS`.

        Raises:
            NodeProblem: the node does not say.
        """
        try:
            rows = self._ask("GET", f"/api/v1/{table}").get(LISTS[table])
        except NodeProblem as problem:
            if problem.exit_code != NOT_FOUND:
                raise
            rows = None
        if not isinstance(rows, list):
            raise NodeProblem(f"{self._server} answers, but is no signaling node", UNREACHABLE)
        return rows

    def hang_up(self, call_id: str) -> dict[str, Any]:
        """End a call by its Call-ID or uuid.

        Raises:
            NodeProblem: the node does not do it.
        """
        try:
            return self._ask("DELETE", f"/api/v1/calls/{quote(call_id, safe='')}")
        except NodeProblem as problem:
            if problem.exit_code != NOT_FOUND:
                raise
            raise NodeProblem(f"{problem} ({call_id})", NOT_FOUND) from problem

    def record(self, call_id: str) -> dict[str, Any]:
        """Record a call from now on, by its Call-ID or uuid.

        Raises:
            NodeProblem: the node does not do it.
        """
        return self._ask("POST", f"/api/v1/calls/{quote(call_id, safe='')}/recording")

    def originate(self, **wanted: Any) -> dict[str, Any]:
        """Make a call: ring ``user`` of ``account`` for ``timeout`` seconds, then dial ``number`` for it.

        Raises:
            NodeProblem: the node does not do it.
        """
        return self._ask("POST", "/api/v1/calls", json=wanted)

    def drain(self, node_id: str, mode: str) -> dict[str, Any]:
        """Have an RTP manager emptied; ``mode`` is ``graceful`` or ``aggressive``.

        Raises:
            NodeProblem: the node does not do it.
        """
        return self._ask("POST", _drain_path(node_id), params={"mode": mode})

    def drain_status(self, node_id: str) -> dict[str, Any]:
        """Return how the drain of an RTP manager goes.

        Raises:
            NodeProblem: the node does not say.
        """
        return self._ask("GET", _drain_path(node_id))

    def end_drain(self, node_id: str) -> dict[str, Any]:
        """Let an RTP manager take calls again.

        Raises:
            NodeProblem: the node does not do it.
        """
        return self._ask("DELETE", _drain_path(node_id))

    def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = _ERRNO.sub("", str(error)) or type(error).__name__
            raise NodeProblem(f"{self._server} cannot be reached: {why}", UNREACHABLE) from error
        answer = _json_object(response)
        if response.is_success:
            return answer
        text = _why(answer) or f"{response.status_code} {response.reason_phrase}"
        if response.status_code == httpx.codes.UNAUTHORIZED and "Authorization" not in self._client.headers:
            text = f"It wants an API token: --token, or ${TOKEN_VARIABLE}."
        raise NodeProblem(f"{self._server}: {text}", _EXIT_OF_STATUS.get(response.status_code, REFUSED))


def authorization_for(server: str, token: str, internal_token: str) -> str:
    """Return how to show who asks: by a token, else, on this machine alone, as the ui role of this installation."""
    if token:
        return f"Bearer {token}"
    return f"Internal {internal_token}" if is_this_machine(server) else ""


def is_this_machine(server: str) -> bool:
    """Whether a URL names a loopback address."""
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _drain_path(node_id: str) -> str:
    return f"/api/v1/rtpmanagers/{quote(node_id, safe='')}/drain"


def _why(answer: dict[str, Any]) -> str:
    """Return why a node refused: what is wrong with each field, else its sentence."""
    fields = answer.get("fields")
    if isinstance(fields, dict) and fields:
        return " ".join(f"{name}: {' '.join(map(str, said))}" for name, said in fields.items())
    return str(answer.get("error") or "")


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
