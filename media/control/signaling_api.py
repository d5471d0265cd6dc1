# SPDX-License-Identifier: Apache-2.0
"""The part of a signaling node's REST that an RTP manager uses: its own drain.

Whatever goes wrong is an answer, never an exception: a node that is about to stop has nobody to tell.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 3.0
MAX_ANSWER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int = 0
    """HTTP status; 0: none came."""
    body: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


class SignalingApi:
    """One signaling node.

    Args:
        url: its base, ``http://host:port``.
        authorization: value of the header of that name; "" for none.
    """

    def __init__(self, url: str, authorization: str = "") -> None:
        self.url = url
        self._authorization = authorization

    async def drain(self, node_id: str) -> Answer:
        """Ask for the calls of an RTP manager to be moved away."""
        return await asyncio.to_thread(self._send, "POST", node_id, "?mode=graceful")

    async def drain_status(self, node_id: str) -> Answer:
        """Ask how far that is."""
        return await asyncio.to_thread(self._send, "GET", node_id, "")

    def _send(self, method: str, node_id: str, query: str) -> Answer:
        name = urllib.parse.quote(node_id, safe="")
        # The scheme was checked when the settings were read.
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/api/v1/rtpmanagers/{name}/drain{query}", method=method
        )
        if self._authorization:
            request.add_header("Authorization", self._authorization)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                return _answer(response.status, response.read(MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(MAX_ANSWER_BYTES))
        except (OSError, ValueError) as error:
            return Answer(problem=str(error))


def _answer(status: int, text: bytes) -> Answer:
    try:
        body = json.loads(text)
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    return Answer(status=status, body=body, problem=f"{status} {body.get('error', '')}".strip())
