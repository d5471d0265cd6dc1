# SPDX-License-Identifier: Apache-2.0
"""The address that a phone is told to register at."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from accounts.setup.phones import PhoneSettings
from switchboard.addresses import bracketed, split_server


def phone_settings(request: HttpRequest, user: User, password: str = "") -> PhoneSettings:
    """Return the settings for a user's phone.

    The server is PHONE_SERVER, else ADVERTISE, else the host that the reader's browser reached this site at.
    """
    host, port = _server(request)
    return PhoneSettings(
        username=user.username,
        display_name=user.display_name,
        domain=user.account.domain,
        host=host,
        port=port,
        transport=settings.PHONE_TRANSPORT,
        password=password,
    )


def _server(request: HttpRequest) -> tuple[str, int]:
    usual = settings.SIP_TLS_PORT if settings.PHONE_TRANSPORT == "tls" else settings.SIP_PORT
    if settings.PHONE_SERVER:
        host, port = split_server(settings.PHONE_SERVER)
        return host, port or usual
    return bracketed(settings.ADVERTISE) or split_server(request.get_host())[0], usual
