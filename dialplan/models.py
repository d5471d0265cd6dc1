# SPDX-License-Identifier: Apache-2.0
"""Dialplan routes as rows: the source of truth that files are imported into and exported from."""

from __future__ import annotations

import uuid

from django.db import models

from accounts.models import Account
from accounts.revision import RevisionedModel


def new_route_id() -> str:
    """Return an id for a route that was given none."""
    return f"route-{uuid.uuid4().hex[:12]}"


class Route(RevisionedModel):
    """One rule of the dialplan: numbers that match the pattern run the actions, in order."""

    revision_topic = "routes"

    id = models.CharField(primary_key=True, max_length=64, default=new_route_id)
    account = models.ForeignKey(
        Account,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="routes",
        help_text="Empty: the route serves every account.",
    )
    name = models.CharField(max_length=200)
    pattern = models.CharField(
        max_length=128, help_text="A glob on the dialled number: 500, 1???, 00*, [2-4]*, *."
    )
    priority = models.IntegerField(
        default=100, help_text="Lower numbers are tried first; the first match wins."
    )
    enabled = models.BooleanField(default=True)
    actions = models.JSONField(default=list)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "dialplan_routes"
        ordering = ("priority", "id")

    def __str__(self) -> str:
        return f"{self.name} ({self.pattern})"
