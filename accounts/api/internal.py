# SPDX-License-Identifier: Apache-2.0
"""The ui role shows signaling nodes a credential of its own: ``Authorization: Internal …``.

It sees what is alive in every account and may end calls there, nothing else: who asked is known to the ui role alone,
which cuts the answer to that person's accounts and asks for the person's permission first.
"""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.choices import Permission
from accounts.tenancy import Access, attach

SCHEME = b"internal"
ALLOWED = frozenset({Permission.VIEW_LIVE, Permission.HANG_UP})


class InternalUser(AnonymousUser):
    """The ui role as a caller; it has no row in the database."""

    is_authenticated = True  # type: ignore[assignment]
    is_anonymous = False  # type: ignore[assignment]


class InternalAuthentication(BaseAuthentication):
    """Knows the ui role by INTERNAL_API_TOKEN."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the ui role, None when the request shows no internal credential.

        Raises:
            AuthenticationFailed: it shows a wrong one.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != SCHEME:
            return None
        expected = settings.INTERNAL_API_TOKEN.encode()
        if len(words) != 2 or not hmac.compare_digest(words[1], expected):
            raise AuthenticationFailed("The internal credential is wrong.")
        user = InternalUser()
        attach(user, Access(platform=True, roles={}, allowed=ALLOWED))
        return user, None
