# SPDX-License-Identifier: Apache-2.0
"""REST callers show a token: ``Authorization: Bearer sbt_…`` (RFC 6750 section 2.1)."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.access import ApiToken
from accounts.tokens import TokenRefused, verify

SCHEME = "bearer"
CHALLENGE = 'Bearer realm="switchboard"'


class TokenAuthentication(BaseAuthentication):
    """Makes the token's owner ``request.user`` and the token ``request.auth``."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """Return owner and token, None when the request shows no token.

        Raises:
            AuthenticationFailed: it shows one that does not count.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != SCHEME.encode():
            return None
        if len(words) != 2:
            raise AuthenticationFailed("The header is to be: Authorization: Bearer TOKEN.")
        try:
            verified = verify(words[1].decode("ascii", "replace"))
        except TokenRefused as error:
            raise AuthenticationFailed(str(error)) from error
        return verified.user, verified.token

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE
