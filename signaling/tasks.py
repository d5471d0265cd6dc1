# SPDX-License-Identifier: Apache-2.0
"""What is done for registrations and bans every night."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from signaling.bans import retention
from signaling.models import Registration

KEPT = timedelta(days=1)
"""Long enough for a node that was away to see for itself that a binding has ended."""


@shared_task(name="signaling.prune_registrations")
def prune_registrations() -> dict[str, int]:
    """Delete the rows of bindings that ended long ago, whose node never came back to do it."""
    deleted, _ = Registration.objects.filter(expires_at__lt=timezone.now() - KEPT).delete()
    return {"deleted": deleted}


@shared_task(name="signaling.prune_bans")
def prune_bans() -> dict[str, int]:
    """Forget bans that ended more than ``BAN_RETENTION_DAYS`` days ago; 0 keeps them for ever."""
    days = settings.BAN_RETENTION_DAYS
    return {"deleted": retention.prune(days, timezone.now()) if days else 0}
