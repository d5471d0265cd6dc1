# SPDX-License-Identifier: Apache-2.0
"""API tokens: made once, shown once, stored as a hash, verified with one query in ten seconds at most.

``sbt_`` + 40 random letters and digits + a checksum of 6. The checksum lets a mistyped or invented token be refused
without a query. 238 random bits need no slow hash. Knows nothing of HTTP; `accounts.api.authentication` does.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import string
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import EllipsisType
from typing import Any, Final, TypeVar

from django.db import DatabaseError
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone

from accounts.access import DEFAULT_RATE_PER_MINUTE, ApiToken, in_a_year
from accounts.choices import Permission
from accounts.tenancy import Access, access_from, access_of, attach

log = logging.getLogger(__name__)
ModelT = TypeVar("ModelT", bound=Model)

MARK: Final = "sbt_"
SHOWN: Final = 12
"""How many characters of a token are stored and shown to tell it from others."""
VERIFIED_FOR_S: Final = 10.0
"""A verified token counts without another look at the database; a revocation elsewhere takes this long."""
OUTAGE_S: Final = 3600.0
"""While the database is away, a token that was verified this recently still counts."""
USE_NOTED_EVERY: Final = timedelta(minutes=1)
MAX_KEPT: Final = 10_000

_ALPHABET: Final = string.digits + string.ascii_letters
_FORM: Final = re.compile(r"sbt_([0-9A-Za-z]{40})([0-9A-Za-z]{6})")


class TokenRefused(Exception):
    """A token does not count; ``str()`` says why, without telling whether it ever existed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """A token that counts now, its owner and what both together may do."""

    token: ApiToken
    user: Any
    """The owner; `accounts.tenancy` answers for it as the token allows."""
    access: Access


def issue(
    user: Any,
    *,
    name: str,
    scopes: Iterable[str],
    account: Any = None,
    expires_at: datetime | EllipsisType | None = ...,
    rate_per_minute: int = DEFAULT_RATE_PER_MINUTE,
) -> tuple[ApiToken, str]:
    """Make a token and return its row and its text, which is known this once.

    Args:
        user: the login that it acts for.
        name: what uses it.
        scopes: what it may be used for.
        account: the one that it is bound to; None: every account of the login.
        expires_at: None: never; left out: after `accounts.access.DEFAULT_LIFE`.
        rate_per_minute: most requests in a minute.

    Raises:
        ValidationError: a value is not accepted; nothing was stored.
    """
    row = ApiToken(
        user=user,
        name=name,
        account=account,
        scopes=[str(scope) for scope in scopes],
        expires_at=in_a_year() if isinstance(expires_at, EllipsisType) else expires_at,
        rate_per_minute=rate_per_minute,
    )
    text = put_secret(row)
    row.full_clean()
    row.save()
    return row, text


def put_secret(row: ApiToken) -> str:
    """Give an unsaved row a new secret and return the token's text."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(40))
    text = f"{MARK}{body}{_checksum(body)}"
    row.digest, row.prefix = digest_of(text), text[:SHOWN]
    return text


def revoke(row: ApiToken, now: datetime | None = None) -> None:
    """End a token for good; it stays in the list."""
    if row.revoked_at is None:
        row.revoked_at = now or timezone.now()
        row._change_reason = "Revoked"
        row.save(update_fields=["revoked_at"])


def visible_tokens(user: Any) -> QuerySet[ApiToken]:
    """Return the tokens that a login manages: those of its accounts, and its own."""
    return visible(ApiToken.objects.all(), user)


def visible(rows: QuerySet[ModelT], user: Any) -> QuerySet[ModelT]:
    """Return those of some tokens, or of some versions of tokens, that a login manages."""
    reached = access_of(user).accounts_with(Permission.MANAGE_TOKENS)
    if reached is None:
        return rows
    if not reached:
        return rows.none()
    return rows.filter(Q(account__in=reached) | Q(user=user.pk))


def digest_of(text: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(text.encode()).hexdigest()


def verify(text: str, now: datetime | None = None) -> VerifiedToken:
    """Return what a token stands for.

    Raises:
        TokenRefused: it is malformed, unknown, expired or revoked, or its owner may not log in any more.
        DatabaseError: the database is away and the token was not verified lately.
    """
    found = _FORM.fullmatch(text)
    if found is None or _checksum(found[1]) != found[2]:
        raise TokenRefused("This is no token of this installation.")
    moment = now or timezone.now()
    verified = _kept_or_read(digest_of(text))
    token = verified.token
    if token.revoked_at is not None:
        raise TokenRefused("This token was revoked.")
    if token.expires_at is not None and token.expires_at <= moment:
        raise TokenRefused("This token has expired.")
    if not verified.user.is_active:
        raise TokenRefused("The owner of this token may not log in any more.")
    _note_use(token, moment)
    return verified


def forget(**_: object) -> None:
    """Drop what is kept of verified tokens; a receiver of signals of what it depends on."""
    _kept.clear()


_kept: dict[str, tuple[float, VerifiedToken]] = {}


def _kept_or_read(digest: str) -> VerifiedToken:
    clock = time.monotonic()
    kept = _kept.get(digest)
    if kept is not None and clock - kept[0] <= VERIFIED_FOR_S:
        return kept[1]
    try:
        verified = _read(digest)
    except DatabaseError:
        if kept is not None and clock - kept[0] <= OUTAGE_S:
            return kept[1]
        raise
    if len(_kept) >= MAX_KEPT:
        _kept.clear()
    _kept[digest] = (clock, verified)
    return verified


def _read(digest: str) -> VerifiedToken:
    """Read token, owner and the owner's memberships in one query: one row for each membership."""
    rows = list(
        ApiToken.objects.filter(digest=digest)
        .select_related("user", "account")
        .annotate(member_of=F("user__memberships__account"), member_as=F("user__memberships__role"))
    )
    if not rows:
        raise TokenRefused("This token is unknown.")
    token = rows[0]
    memberships = [(row.member_of, row.member_as) for row in rows if row.member_of is not None]
    access = access_from(token.user, memberships).narrowed(token.account_id, token.scopes)
    attach(token.user, access)
    return VerifiedToken(token=token, user=token.user, access=access)


def _note_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is not None and now - token.last_used_at < USE_NOTED_EVERY:
        return
    token.last_used_at = now
    try:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    except DatabaseError as error:
        log.warning("the use of token %s is not noted: %s", token.prefix, error)


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, len(_ALPHABET))
        digits += _ALPHABET[digit]
    return digits
