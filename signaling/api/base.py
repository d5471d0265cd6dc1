# SPDX-License-Identifier: Apache-2.0
"""What all views of the live API share: who may ask, what they may see, how errors of the SIP process are told."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar

from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import TokenAuthentication
from accounts.choices import Permission
from accounts.tenancy import Access, access_of
from signaling.api.authentication import InternalAuthentication
from signaling.api.runtime import current
from signaling.live.commands import CommandRefused
from signaling.live.mirror import Mirror
from switchboard.api_errors import CODES, Unavailable, error_body

RATE_WINDOW_S = 1
"""The SIP process counts calls a second: a second later there is room again."""


class LiveView(APIView):
    """A view of the live API; it names the permission that it needs."""

    authentication_classes: Any = (InternalAuthentication, TokenAuthentication)
    read_permission: ClassVar[Permission] = Permission.VIEW_LIVE

    @property
    def mirror(self) -> Mirror:
        """The live state.

        Raises:
            Unavailable: there is no complete picture of it now.
            CommandRefused: nobody had looked at it for long, and the SIP process does not tell it again.
        """
        mirror = current().look()
        if not mirror.complete:
            raise Unavailable("The signaling process is not connected.")
        return mirror

    def access(self) -> Access:
        """Return what the caller may do."""
        return access_of(self.request.user)

    def tenants(self) -> frozenset[str] | None:
        """Return the accounts whose live state the caller may see; None: every account."""
        return self.access().accounts_with(Permission.VIEW_LIVE)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, CommandRefused):
            return refusal(exc)
        return super().handle_exception(exc)


def refusal(error: CommandRefused) -> Response:
    """Return the answer to a command that the SIP process refused."""
    status = error.status if error.status in CODES else 500
    headers = {"Retry-After": str(RATE_WINDOW_S)} if status == 429 else None
    return Response(error_body(status, error.error, error.fields), status=status, headers=headers)


def check_parameters(request: Request, known: Iterable[str]) -> None:
    """Refuse query parameters that a view does not know, and empty ones: neither may match everything.

    Raises:
        ValidationError: with every such parameter.
    """
    names = list(known)
    problems = {}
    for name, value in request.query_params.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            problems[name[:100]] = f"Unknown parameter; is {near[0]} meant?" if near else "Unknown parameter."
        elif not value:
            problems[name] = "Must not be empty; leave it out to ask for nothing."
    if problems:
        raise exceptions.ValidationError(problems)


def text_parameter(request: Request, name: str, max_chars: int = 512) -> str:
    """Return a query parameter; empty when it is absent.

    Raises:
        ValidationError: it is too long, or holds a character that no name has.
    """
    value = str(request.query_params.get(name, ""))
    if len(value) > max_chars or not value.isprintable():
        raise exceptions.ValidationError({name: f"Use up to {max_chars} printable characters."})
    return value


def whole_parameter(request: Request, name: str, default: int, minimum: int, maximum: int) -> int:
    """Return a query parameter that is a whole number.

    Raises:
        ValidationError: it is none, or out of bounds.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and minimum <= int(text) <= maximum):
        raise exceptions.ValidationError({name: f"Use a whole number from {minimum} to {maximum}."})
    return int(text)
