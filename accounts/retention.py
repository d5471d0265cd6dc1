# SPDX-License-Identifier: Apache-2.0
"""Deletes what nobody can log in with any more: ended sessions, dead API tokens, and old lines of the login log.

Invariant: a failed login that still counts towards a lockout stays.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q

from accounts.models import ApiToken


def prune(keep_days: int, now: datetime) -> dict[str, int]:
    """Delete them; return how many of each kind.

    Args:
        keep_days: whole days that dead tokens and the login log are kept; 0 keeps them for ever.
        now: the time, aware of its zone.
    """
    deleted = {"sessions": _delete(Session.objects.filter(expire_date__lt=now))}
    if not keep_days:
        return deleted
    before = now - timedelta(days=keep_days)
    dead = Q(expires_at__lt=before) | Q(revoked_at__lt=before)
    deleted["tokens"] = _delete(ApiToken.objects.filter(dead))
    counted = min(before, now - settings.AXES_COOLOFF_TIME)
    deleted["logins"] = sum(
        _delete(model._default_manager.filter(attempt_time__lt=counted))
        for model in (AccessAttempt, AccessFailureLog, AccessLog)
    )
    return deleted


def _delete(rows: object) -> int:
    return int(rows.delete()[0])  # type: ignore[attr-defined]
