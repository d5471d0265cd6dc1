# SPDX-License-Identifier: Apache-2.0
"""Routes as JSON, checked by the engine: a problem points at its place, such as ``actions[0].params.target``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from accounts.choices import Permission
from accounts.tenancy import access_of
from dialplan.api.actions_schema import column_schema
from dialplan.engine import DialplanError
from dialplan.engine.document import PRIORITY_LIMIT
from dialplan.models import Route
from switchboard.api_serializers import AccountField, CheckedSerializer, Strict


@extend_schema_field(column_schema("actions"))
class ActionsField(serializers.JSONField):
    """A route's actions; what they may be is the engine's business."""


class RouteSerializer(CheckedSerializer):
    """A route of an account, or of every account."""

    id = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z",
        required=False,
        max_length=64,
        help_text="Default: made up. Fixed.",
        error_messages={"invalid": "Use letters, digits and . _ : -, a letter or digit first."},
    )
    account = AccountField(
        required=False,
        allow_null=True,
        help_text="null: every account (platform admins). May be left out by who reaches one account alone.",
    )
    priority = serializers.IntegerField(
        min_value=-PRIORITY_LIMIT, max_value=PRIORITY_LIMIT, required=False, help_text="Lower is tried first."
    )
    actions = ActionsField()
    source = serializers.CharField(  # type: ignore[assignment]
        read_only=True, help_text="The file that the route is imported from, or empty."
    )

    class Meta:
        model = Route
        fields = (
            "id",
            "account",
            "name",
            "pattern",
            "priority",
            "enabled",
            "actions",
            "source",
            "created_at",
            "updated_at",
        )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            account_field: Any = self.fields["account"]
            attrs.setdefault("account", account_field.only_choice() or serializers.empty)
            if attrs["account"] is serializers.empty:
                raise serializers.ValidationError({"account": "Say which account; null means every one."})
        elif attrs.get("id", self.instance.id) != self.instance.id:
            raise serializers.ValidationError({"id": "The id of a route cannot be changed."})
        if "account" in attrs and attrs["account"] is None:
            self._only_platform()
        try:
            self.checked_row(attrs).checked_document()
        except DialplanError as error:
            problems: dict[str, list[str]] = {}
            for problem in error.errors:
                problems.setdefault(problem.field, []).append(problem.message)
            raise serializers.ValidationError(problems) from error
        return super().validate(attrs)

    def _only_platform(self) -> None:
        if not access_of(self.context["request"].user).may(Permission.PLATFORM):
            raise PermissionDenied("Only a platform admin may make a route serve every account.")


class SimulationRequestSerializer(Strict, serializers.Serializer[Any]):
    """Who dials what."""

    number = serializers.CharField(max_length=128, help_text="The dialled number.")
    caller = serializers.CharField(
        max_length=64, required=False, allow_blank=True, help_text="Extension or user name of who dials."
    )
    account = AccountField(
        required=False,
        permission=Permission.VIEW_CONFIG,
        help_text="May be left out by who reaches one account alone.",
    )


class ConsideredSerializer(serializers.Serializer[Any]):
    """A route, and why it was chosen or not."""

    id = serializers.CharField()
    name = serializers.CharField()
    pattern = serializers.CharField()
    priority = serializers.IntegerField()
    enabled = serializers.BooleanField()
    shared = serializers.BooleanField(help_text="Whether it serves every account.")
    chosen = serializers.BooleanField()
    matched = serializers.BooleanField(
        help_text="Whether the pattern matches, whatever else stood against it."
    )
    reason = serializers.CharField()


class StepSerializer(serializers.Serializer[Any]):
    """An action with its variables filled in."""

    type = serializers.CharField()
    params = serializers.DictField()
    words = serializers.CharField(help_text="What it does, for people.")
    problem = serializers.CharField(help_text="What stands against its success; empty when nothing is known.")


class SimulationSerializer(serializers.Serializer[Any]):
    """What would become of the call."""

    account = serializers.UUIDField(source="account.pk")
    number = serializers.CharField()
    caller = serializers.CharField(allow_null=True, help_text="The caller as people know it.")
    variables = serializers.DictField(child=serializers.CharField())
    route = serializers.CharField(allow_null=True, help_text="Id of the chosen route; null: 404 Not Found.")
    routes = ConsideredSerializer(
        many=True, source="considered", help_text="In the order in which they are tried."
    )
    actions = StepSerializer(many=True, source="steps")
    problem = serializers.CharField(help_text="Why the call would fail as a whole; empty when it would not.")
