# SPDX-License-Identifier: Apache-2.0
"""Who asks the live API: a token (``Bearer``), or the ui role of the same installation (``Internal``)."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.tenancy import Access, attach
from accounts.tokens import TokenRefused, verify

INTERNAL = "internal"
BEARER = "bearer"
PERSON_HEADER = "On-Behalf-Of"
"""Who asks the ui role, percent-encoded; it stands in logs and call records."""
MAX_PERSON_CHARS = 150
CHALLENGE = 'Bearer realm="switchboard"'
PLATFORM = Access(platform=True, roles={})


class InternalUser:
    """The ui role: it sees and does everything here, because it decides itself what each person may.

    Args:
        person: login of the person that it does it for.
    """

    is_authenticated = True
    is_active = True
    is_superuser = True
    is_anonymous = False
    pk = None

    def __init__(self, person: str = "") -> None:
        self._person = person
        attach(self, PLATFORM)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return self._person or "the user interface"


class InternalAuthentication(BaseAuthentication):
    """``Authorization: Internal <INTERNAL_API_TOKEN>``."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the ui role, None when the request shows something else.

        Raises:
            AuthenticationFailed: what it shows is not the token of this installation.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != INTERNAL.encode():
            return None
        if len(words) != 2 or not is_internal(words[1].decode("ascii", "replace")):
            raise AuthenticationFailed("This is not the internal token of this installation.")
        person = unquote(request.headers.get(PERSON_HEADER, ""))
        return InternalUser(person[:MAX_PERSON_CHARS] if person.isprintable() else ""), None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def is_internal(text: str) -> bool:
    """Whether a text is the internal token."""
    return hmac.compare_digest(text.encode(), settings.INTERNAL_API_TOKEN.encode())


def access_by(authorization: str) -> Access:
    """Return what an Authorization header gives, for connections that outlive a request; may ask the database.

    Raises:
        TokenRefused: nothing.
    """
    scheme, _, text = authorization.strip().partition(" ")
    if scheme.lower() == INTERNAL and is_internal(text.strip()):
        return PLATFORM
    if scheme.lower() != BEARER:
        raise TokenRefused("An API token is needed: Authorization: Bearer TOKEN.")
    return verify(text.strip()).access
