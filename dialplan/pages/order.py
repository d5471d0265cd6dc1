# SPDX-License-Identifier: Apache-2.0
"""The buttons in the list of routes: up, down, on and off, each at once."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from dialplan.models import Route
from dialplan.ordering import Place, move


def step(route: Route, *, up: bool) -> int:
    """Move a route before or behind its neighbour; return how many priorities changed, 0 at the end.

    An account's route moves among its own and the shared ones, which stay; a shared one among the shared ones.

    Raises:
        NoRoom: shared routes leave no priority.
    """
    with transaction.atomic():
        beside = Q(account=route.account_id) | Q(account=None)
        rows = {row.pk: row for row in Route.objects.select_for_update().filter(beside)}
        places = [
            Place(
                id=row.pk,
                priority=row.priority,
                shared=row.account_id is None,
                fixed=row.account_id != route.account_id,
            )
            for row in rows.values()
        ]
        changed = []
        for pk, priority in move(places, route.pk, up=up).items():
            rows[pk].priority, rows[pk].updated_at = priority, timezone.now()
            changed.append(rows[pk])
        reason = f"Order: {route} {'up' if up else 'down'}"[:100]
        if changed:
            bulk_update_with_history(
                changed, Route, ["priority", "updated_at"], batch_size=100, default_change_reason=reason
            )
    return len(changed)


def switch(route: Route, *, enabled: bool) -> None:
    """Enable or disable a route, also one that is not valid."""
    if route.enabled != enabled:
        route.enabled = enabled
        route.save(update_fields=["enabled", "updated_at"])
