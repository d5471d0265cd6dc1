# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/bans`` of the ui role: sources that nothing is read from. Platform admins alone."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from accounts.api.filters import SearchFilter
from accounts.choices import Permission
from signaling.bans.row import Ban, Origin, row_for
from switchboard.api_filters import BooleanFilter
from switchboard.api_serializers import CheckedSerializer
from switchboard.api_views import TenantViewSet


class BanSerializer(CheckedSerializer):
    """A ban of an address or network."""

    in_force = serializers.BooleanField(read_only=True, help_text="Whether it has not ended.")
    offences = serializers.IntegerField(
        read_only=True, help_text="How often nodes have banned this source by themselves."
    )
    refused = serializers.IntegerField(
        read_only=True, help_text="Datagrams and connections refused since it was banned."
    )

    class Meta:
        model = Ban
        fields = (
            "id",
            "network",
            "reason",
            "origin",
            "banned_by",
            "banned_at",
            "expires_at",
            "in_force",
            "offences",
            "refused",
            "last_refused_at",
        )
        read_only_fields = ("id", "origin", "banned_by", "banned_at", "last_refused_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the row as it would be stored.

        Raises:
            ValidationError: with every problem at its field; the network of a ban does not change.
        """
        attrs = super().validate(attrs)
        if self.instance is not None and attrs.get("network", self.instance.network) != self.instance.network:
            raise serializers.ValidationError({"network": "Another source is another ban: delete, then add."})
        return attrs

    def checked_row(self, attrs: dict[str, Any]) -> Any:
        """Return the row as it would be stored, which may be that of an ended ban."""
        if self.instance is not None:
            return super().checked_row(attrs)
        self._row = row_for(attrs["network"])
        self._row.reason, self._row.expires_at = attrs["reason"], attrs.get("expires_at")
        return self._row

    def create(self, validated_data: dict[str, Any]) -> Ban:
        """Store the ban in the name of who asks."""
        row: Ban = self._row
        row.banned_by = self.context["request"].user.get_username()
        row.save()
        return row


class BanFilter(SearchFilter):
    """``q`` (network, reason, who), ``address``, ``origin``, ``in_force``."""

    searched = ("network", "reason", "banned_by")
    address = filters.CharFilter(
        method="choose_address", max_length=50, label="An address: bans of it, and of networks that hold it."
    )
    origin = filters.ChoiceFilter(choices=Origin.choices)
    in_force = BooleanFilter(method="choose_in_force", label="Whether it has not ended.")

    class Meta:
        model = Ban
        fields = ("q", "address", "origin", "in_force")

    def choose_address(self, queryset: Any, name: str, ip: str) -> QuerySet[Ban]:
        """Return the bans that concern an address.

        Raises:
            ValidationError: it is none.
        """
        try:
            found: QuerySet[Ban] = queryset.of_address(ip)
        except ValueError as error:
            raise serializers.ValidationError({name: "This is no address."}) from error
        return found

    def choose_in_force(self, queryset: Any, name: str, in_force: bool) -> QuerySet[Ban]:
        """Return the bans in force, or those that ended."""
        found: QuerySet[Ban] = queryset.in_force() if in_force else queryset.ended()
        return found


@extend_schema_view(
    create=extend_schema(
        summary="Ban an address or network",
        description="In force on every signaling node within a second; calls and phones from there are ended. "
        "Without `expires_at` it stands until it is deleted.",
    ),
    destroy=extend_schema(summary="Unban", description="The source is heard again within a second."),
)
class BanViewSet(TenantViewSet):
    """Bans: sources that the signaling nodes read nothing from."""

    queryset = Ban.objects.all()
    serializer_class = BanSerializer
    filterset_class = BanFilter
    read_permission = write_permission = Permission.PLATFORM
    ordering_choices = ("-banned_at", "network", "refused")

    def account_id_of(self, row: Ban) -> None:
        """Return that a source belongs to no account."""
        return
