# SPDX-License-Identifier: Apache-2.0
"""Bindings as rows: the backup from which a restarted node learns where its phones are. Bans come from their own file."""

from __future__ import annotations

import uuid

from django.db import models

from accounts.models import User
from signaling.bans.row import Ban

__all__ = ["Ban", "Registration"]


class Registration(models.Model):
    """One binding of an AOR to the address of one phone (RFC 3261 section 10)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="registrations")
    aor = models.CharField(max_length=320)
    contact = models.CharField(max_length=1024)
    user_agent = models.CharField(max_length=200, blank=True)
    source_ip = models.GenericIPAddressField(
        help_text="Where the REGISTER came from; requests go back there."
    )
    source_port = models.PositiveIntegerField()
    transport = models.CharField(max_length=4, default="udp")
    q = models.FloatField(default=1.0)
    call_id = models.CharField(max_length=300)
    cseq = models.BigIntegerField()
    node_id = models.CharField(
        max_length=128, blank=True, help_text="The signaling node that holds the binding."
    )
    registered_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "registrations"
        ordering = ("aor", "-registered_at")
        constraints = (models.UniqueConstraint(fields=("aor", "contact"), name="registrations_aor_contact"),)

    def __str__(self) -> str:
        return f"{self.aor} at {self.contact}"
