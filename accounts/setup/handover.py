# SPDX-License-Identifier: Apache-2.0
"""Hands a new SIP password on, once: to the page that shows it, or to the phone that fetches its settings.

Whoever asks shows a ticket, which only the asker holds. Invariants: the database keeps a hash of the ticket and the
password sealed with it, so that neither a copy of the database nor the ticket alone tells the password; a ticket
counts once, for minutes, and not after the next change of the password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils import timezone

from accounts.access import PasswordHandover
from accounts.models import User

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Purpose(StrEnum):
    """What a ticket is for; one for the other is refused."""

    PAGE = "page"
    PHONE = "phone"


LIFE: Final = {Purpose.PAGE: timedelta(minutes=5), Purpose.PHONE: timedelta(minutes=30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a ticket stood for."""

    user: User
    password: str


def offer(
    user: User, password: str, purpose: Purpose, *, bound_to: str = "", now: datetime | None = None
) -> str:
    """Keep a password for one showing and return the ticket.

    Args:
        user: whose password it is.
        password: has been set already.
        purpose: who may ask.
        bound_to: a secret that the asker has to know too, such as the key of a session.
        now: default: the time.
    """
    moment = now or timezone.now()
    ticket = secrets.token_urlsafe(24)
    PasswordHandover.objects.filter(expires_at__lte=moment).delete()
    PasswordHandover.objects.create(
        digest=_digest(ticket),
        user=user,
        sealed=_seal(ticket, purpose, bound_to).encrypt(password.encode()),
        expires_at=moment + LIFE[purpose],
    )
    return ticket


def take(ticket: str, purpose: Purpose, *, bound_to: str = "", now: datetime | None = None) -> Handed | None:
    """Return what a ticket stands for, this once; None when it does not count, or counts no more."""
    row = (
        PasswordHandover.objects.filter(digest=_digest(ticket), expires_at__gt=now or timezone.now())
        .select_related("user__account")
        .first()
    )
    if row is None:
        return None
    from cryptography.fernet import InvalidToken

    try:
        password = _seal(ticket, purpose, bound_to).decrypt(bytes(row.sealed)).decode()
    except InvalidToken:
        return None
    taken, _ = PasswordHandover.objects.filter(pk=row.pk).delete()
    if not taken or not row.user.check_password(password):
        return None
    return Handed(user=row.user, password=password)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


def _seal(ticket: str, purpose: Purpose, bound_to: str) -> Fernet:
    # Only where a user is made: it takes eight megabytes.
    from cryptography.fernet import Fernet

    text = f"{purpose}\n{bound_to}\n{ticket}"
    return Fernet(
        base64.urlsafe_b64encode(hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256"))
    )
