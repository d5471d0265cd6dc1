# SPDX-License-Identifier: Apache-2.0
"""Request bodies with a limit: nothing that a client sends is read into memory without bound."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from switchboard.api_errors import TooLarge

MAX_JSON_BYTES = 1024 * 1024
MAX_CSV_BYTES = 5 * 1024 * 1024


def read_limited(stream: Any, limit: int) -> bytes:
    """Return what a stream holds.

    Raises:
        TooLarge: it holds more than `limit` bytes.
    """
    data: bytes = stream.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"The body has at most {limit} bytes.")
    return data


class LimitedJSONParser(JSONParser):
    """JSON of at most 1 MiB."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the parsed value.

        Raises:
            ParseError: it is no JSON, or nested too deep.
            TooLarge: it is over the limit.
        """
        limited = io.BytesIO(read_limited(stream, MAX_JSON_BYTES))
        try:
            return super().parse(limited, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deep.") from error


class CSVParser(BaseParser):
    """CSV text of at most 5 MiB, in UTF-8, handed to the view as it is."""

    media_type = "text/csv"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the text.

        Raises:
            ParseError: it is not UTF-8.
            TooLarge: it is over the limit.
        """
        try:
            return read_limited(stream, MAX_CSV_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ParseError("The text is not UTF-8.") from error
