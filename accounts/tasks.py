# SPDX-License-Identifier: Apache-2.0
"""What is done for logins and tokens every night."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts import retention


@shared_task(name="accounts.prune")
def prune() -> dict[str, int]:
    """Delete ended sessions, and dead tokens and the login log after ``LOGIN_RETENTION_DAYS``."""
    return retention.prune(settings.LOGIN_RETENTION_DAYS, timezone.now())
