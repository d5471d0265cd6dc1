# SPDX-License-Identifier: Apache-2.0
"""A REST client for tests: JSON in, status and JSON out."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

BASE = "/api/v1/"


class Answer(NamedTuple):
    """An answer, read."""

    status: int
    body: Any
    headers: Any


class Rest:
    """Calls below ``/api/v1/`` with a token; without one when it is empty."""

    def __init__(self, token: str = "") -> None:
        self._client = Client()
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def __call__(
        self, method: str, path: str, body: Any = None, *, csv: str | None = None, **query: Any
    ) -> Answer:
        """Call an address below the base, or a whole one, as ``next`` gives it."""
        url = path if path.startswith("http") else BASE + path
        content = {"content_type": "text/csv", "data": csv} if csv is not None else {}
        if body is not None:
            content = {"content_type": "application/json", "data": body}
        call = getattr(self._client, method)
        response = call(url, query_params=query or None, headers=self._headers, **content)
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return Answer(response.status_code, response.json() if is_json else None, response.headers)

    def get(self, path: str, **query: Any) -> Answer:
        """GET."""
        return self("get", path, **query)

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        """POST."""
        return self("post", path, body, **more)

    def upload(self, path: str, form: dict[str, Any], method: str = "post") -> Answer:
        """Send a form with files."""
        body = encode_multipart(BOUNDARY, form)
        response = self._client.generic(
            method.upper(), BASE + path, body, MULTIPART_CONTENT, headers=self._headers
        )
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return Answer(response.status_code, response.json() if is_json else None, response.headers)

    def patch(self, path: str, body: Any) -> Answer:
        """PATCH."""
        return self("patch", path, body)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self("delete", path)
