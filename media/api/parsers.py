# SPDX-License-Identifier: Apache-2.0
"""Uploads with a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser

from switchboard.api_errors import TooLarge

FIELDS_BYTES: Final = 64 * 1024
"""Room for what stands beside the file."""


class UploadParser(MultiPartParser):
    """``multipart/form-data`` of hardly more than ``PROMPT_MAX_BYTES``."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return fields and files.

        Raises:
            ParseError: it is no such form, or one without any field: Django passes over parts that it cannot read.
            TooLarge: it is over the limit.
        """
        request = (parser_context or {})["request"]
        length = request.META.get("CONTENT_LENGTH") or "0"
        if int(length) > settings.PROMPT_MAX_BYTES + FIELDS_BYTES:
            raise TooLarge(f"A sound file has at most {settings.PROMPT_MAX_BYTES} bytes.")
        form = super().parse(stream, media_type, parser_context)
        if not form.data and not form.files:
            raise ParseError("The form has no field that could be read.")
        return form
