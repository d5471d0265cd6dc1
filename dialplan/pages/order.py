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
        rows = list(Route.objects.select_for_update().filter(beside))
        own = {row.id: row for row in rows if row.account_id == route.account_id}
        places = [
            Place(
                id=row.id,
                priority=row.priority,
                shared=row.account_id is None,
                fixed=row.account_id != route.account_id,
            )
            for row in rows
        ]
        changed = []
        for route_id, priority in move(places, route.id, up=up).items():
            own[route_id].priority, own[route_id].updated_at = priority, timezone.now()
            changed.append(own[route_id])
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
