# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/registrations`` of the ui role: the stored bindings, read-only.

The rows are the backup that the signaling nodes write every few seconds; a node's own API tells the live ones.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import serializers

from accounts.api.filters import SearchFilter
from accounts.choices import Permission
from signaling.models import Registration
from switchboard.api_filters import BooleanFilter, ByAccount
from switchboard.api_views import ReadOnlyTenantViewSet


class RegistrationSerializer(serializers.ModelSerializer[Registration]):
    """A binding of a phone to a SIP user."""

    account = serializers.UUIDField(source="user.account_id", read_only=True)
    source_port = serializers.IntegerField(read_only=True)
    valid = serializers.SerializerMethodField(help_text="Whether it has not expired yet.")

    class Meta:
        model = Registration
        fields = (
            "id",
            "aor",
            "contact",
            "account",
            "user",
            "user_agent",
            "transport",
            "source_ip",
            "source_port",
            "node_id",
            "registered_at",
            "expires_at",
            "valid",
        )

    def get_valid(self, row: Registration) -> bool:
        """Return whether the binding still counts."""
        return row.expires_at > timezone.now()


class RegistrationFilter(SearchFilter):
    """``q`` (AOR, contact, user agent, address), ``account``, ``user``, ``aor``, ``valid``."""

    searched = ("aor", "contact", "user_agent", "source_ip")
    account = ByAccount(field_name="user__account_id")
    user = filters.UUIDFilter(field_name="user_id", label="Id of the SIP user.")
    aor = filters.CharFilter(max_length=320, label="The whole address of record.")
    valid = BooleanFilter(method="choose_valid", label="Whether it has not expired yet.")

    class Meta:
        model = Registration
        fields = ("q", "account", "user", "aor", "valid")

    def choose_valid(self, queryset: QuerySet[Any], name: str, valid: bool) -> QuerySet[Any]:
        """Return the bindings that count, or those that expired."""
        still = {"expires_at__gt": timezone.now()}
        return queryset.filter(**still) if valid else queryset.exclude(**still)


class RegistrationViewSet(ReadOnlyTenantViewSet):
    """Stored registrations: which phones are where."""

    queryset = Registration.objects.select_related("user")
    serializer_class = RegistrationSerializer
    filterset_class = RegistrationFilter
    account_path = "user__account"
    read_permission = Permission.VIEW_LIVE
    ordering_choices = ("aor", "registered_at", "expires_at")
