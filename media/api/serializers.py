# SPDX-License-Identifier: Apache-2.0
"""Prompts as JSON; the sound itself goes in as a file and out as WAV."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from accounts.choices import Permission
from accounts.tenancy import access_of, scope
from dialplan.models import Route
from media.models import Prompt
from media.prompts import uploads
from switchboard.api_serializers import AccountField, CheckedSerializer


class PromptSerializer(CheckedSerializer):
    """A prompt of an account, or of every account."""

    account = AccountField(
        required=False,
        allow_null=True,
        help_text="null: every account (platform admins). Fixed. May be left out by who reaches one account alone.",
    )
    file = serializers.FileField(
        write_only=True,
        required=False,
        validators=[uploads.check_file],
        help_text=f"Another sound: {uploads.ACCEPTED}.",
    )
    playable = serializers.BooleanField(
        read_only=True,
        help_text="Whether there is a sound; also while a new one is converted, or when that failed.",
    )
    used_by = serializers.SerializerMethodField(help_text="Ids of the routes that play it.")

    class Meta:
        model = Prompt
        fields = (
            "id",
            "account",
            "name",
            "file",
            "status",
            "error",
            "playable",
            "duration_ms",
            "size",
            "peaks",
            "source_name",
            "source_format",
            "used_by",
            "created_at",
            "updated_at",
        )
        read_only_fields = (
            "id",
            "status",
            "error",
            "duration_ms",
            "size",
            "peaks",
            "source_name",
            "source_format",
            "created_at",
            "updated_at",
        )

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_used_by(self, prompt: Prompt) -> list[str]:
        """Return the routes that the caller may see."""
        routes: list[Route] = self.context["playing"].get(prompt.pk, [])
        if not routes:
            return []
        access = access_of(self.context["request"].user)
        visible = scope(
            Route.objects.filter(pk__in=[route.pk for route in routes]),
            access,
            "account",
            permission=Permission.VIEW_CONFIG,
            shared=True,
        )
        return sorted(visible.values_list("id", flat=True))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            account_field: Any = self.fields["account"]
            attrs.setdefault("account", account_field.only_choice() or serializers.empty)
            problems = {}
            if attrs["account"] is serializers.empty:
                problems["account"] = "Say which account; null means every one."
            if "file" not in attrs:
                problems["file"] = "A new prompt needs a sound."
            if problems:
                raise serializers.ValidationError(problems)
        if "account" in attrs and attrs["account"] is None and not self._is_platform():
            raise PermissionDenied("Only a platform admin may make a prompt of every account.")
        file = attrs.pop("file", None)
        super().validate(attrs)
        return {**attrs, "file": file} if file is not None else attrs

    def create(self, validated_data: dict[str, Any]) -> Prompt:
        """Store a prompt whose sound is to be converted."""
        file = validated_data.pop("file")
        prompt = Prompt(**validated_data)
        uploads.keep(prompt, file, file.name)
        return prompt

    def update(self, instance: Prompt, validated_data: dict[str, Any]) -> Prompt:
        """Rename it, or give it another sound."""
        file = validated_data.pop("file", None)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        if file is None:
            instance.save()
        else:
            uploads.keep(instance, file, file.name)
        return instance

    def _is_platform(self) -> bool:
        return access_of(self.context["request"].user).may(Permission.PLATFORM)


class NewPromptSerializer(PromptSerializer):
    """A prompt to be made."""

    file = serializers.FileField(write_only=True, help_text=f"The sound: {uploads.ACCEPTED}.")
