# SPDX-License-Identifier: Apache-2.0
"""Content negotiation of answers that no renderer makes, such as sounds."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request


class WhateverIsAccepted(BaseContentNegotiation):
    """Takes no offence at a client that accepts audio alone: errors are JSON, and the sound is no rendered answer."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return none: nothing is sent."""
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the renderer of errors."""
        return renderers[0], renderers[0].media_type
