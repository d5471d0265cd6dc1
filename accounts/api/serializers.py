# SPDX-License-Identifier: Apache-2.0
"""Accounts, SIP users and tokens as JSON. No hash ever leaves; a password or token leaves in the answer that made it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from accounts.access import MAX_RATE_PER_MINUTE, in_a_year
from accounts.choices import Permission, Scope
from accounts.credentials import (
    MAXIMUM_LENGTH,
    MINIMUM_LENGTH,
    WeakPassword,
    check_typed_password,
    generate_password,
)
from accounts.models import Account, ApiToken, User, validate_username
from accounts.tenancy import access_of
from accounts.tokens import issue
from switchboard.api_serializers import AccountField, CheckedSerializer

MOST_CALLS = 1_000_000
PLATFORM_FIELDS = ("domain", "enabled", "max_concurrent_calls")


class AccountSerializer(CheckedSerializer):
    """An account. Its domain and its limits are set by platform admins alone."""

    max_concurrent_calls = serializers.IntegerField(
        min_value=0, max_value=MOST_CALLS, required=False, help_text="0: no limit."
    )

    class Meta:
        model = Account
        fields = (
            "id",
            "name",
            "domain",
            "realm",
            "enabled",
            "max_concurrent_calls",
            "record_calls",
            "media_encryption",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("realm",)
        unchecked = ("realm",)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        touched = [name for name in PLATFORM_FIELDS if name in attrs]
        if touched and not access_of(self.context["request"].user).may(Permission.PLATFORM):
            raise PermissionDenied(f"Only a platform admin may set {', '.join(touched)}.")
        return attrs


class UserSerializer(CheckedSerializer):
    """A SIP user: extension and credential in one."""

    account = AccountField(required=False, help_text="May be left out by who reaches one account alone.")
    username = serializers.CharField(
        required=False, max_length=64, validators=[validate_username], help_text="Default: the extension."
    )
    max_concurrent_calls = serializers.IntegerField(
        min_value=0,
        max_value=MOST_CALLS,
        required=False,
        allow_null=True,
        help_text="null: the node's default.",
    )
    password = serializers.CharField(
        required=False,
        trim_whitespace=False,
        min_length=MINIMUM_LENGTH,
        max_length=MAXIMUM_LENGTH,
        write_only=True,
        help_text="Generated when a new user is given none.",
    )
    generate_password = serializers.BooleanField(
        required=False, write_only=True, help_text="Replace the password by a generated one."
    )
    aor = serializers.SerializerMethodField(help_text="The address that its phones register.")

    class Meta:
        model = User
        fields = (
            "id",
            "account",
            "extension",
            "username",
            "display_name",
            "enabled",
            "max_concurrent_calls",
            "password",
            "generate_password",
            "aor",
            "created_at",
            "updated_at",
        )
        unchecked = ("password_hash", "password_hash_sha256")

    def get_aor(self, user: User) -> str:
        """Return the address of record."""
        return f"sip:{user.username}@{user.account.domain}"

    def validate_password(self, password: str) -> str:
        """Return the password when it can be used.

        Raises:
            ValidationError: it is weak or cannot be typed into a phone.
        """
        try:
            check_typed_password(password)
        except WeakPassword as error:
            raise serializers.ValidationError(str(error)) from error
        return password

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        generate = attrs.pop("generate_password", False)
        if generate and "password" in attrs:
            raise serializers.ValidationError(
                {"generate_password": "Send a password or have one generated, not both."}
            )
        if self.instance is None:
            attrs.setdefault("username", attrs["extension"])
            account_field: Any = self.fields["account"]
            attrs.setdefault("account", account_field.only_choice())
            if attrs["account"] is None:
                raise serializers.ValidationError({"account": "Say which account; you reach several."})
        if generate or self.instance is None:
            attrs.setdefault("password", generate_password())
        return super().validate(attrs)

    def checked_row(self, attrs: dict[str, Any]) -> User:
        values = {name: value for name, value in attrs.items() if name != "password"}
        row: User = super().checked_row(values)
        row.password_pending = "password" in attrs
        return row

    def create(self, validated_data: dict[str, Any]) -> User:
        return self._store(User(), validated_data)

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        return self._store(instance, validated_data)

    def to_representation(self, instance: User) -> dict[str, Any]:
        """Return the user; with the password in the answer to the request that set it, and in no other."""
        shown: dict[str, Any] = super().to_representation(instance)
        password = vars(instance).get("shown_password")
        return shown if password is None else {**shown, "password": password}

    def _store(self, user: User, values: dict[str, Any]) -> User:
        password = values.pop("password", None)
        for name, value in values.items():
            setattr(user, name, value)
        if password is not None:
            user.set_password(password)
            vars(user)["shown_password"] = password
        user.save()
        return user


class UserWithPasswordSerializer(UserSerializer):
    """The answer that shows a new password; for OpenAPI."""

    password = serializers.CharField(required=False, help_text="Shown in this answer alone.")


class TokenSerializer(CheckedSerializer):
    """A token; its text is shown in the answer that made it."""

    user = serializers.CharField(
        source="user.get_username", read_only=True, help_text="The login it acts for."
    )
    account = AccountField(
        required=False,
        allow_null=True,
        permission=Permission.MANAGE_TOKENS,
        help_text="null: all of the login.",
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(
            choices=Scope.choices,
            error_messages={
                "invalid_choice": f"“{{input}}” is no scope; there are {', '.join(Scope.values)}."
            },
        ),
        min_length=1,
        max_length=len(Scope),
    )
    rate_per_minute = serializers.IntegerField(min_value=1, max_value=MAX_RATE_PER_MINUTE, required=False)
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Default: a year from now; null: never."
    )

    class Meta:
        model = ApiToken
        fields = (
            "id",
            "name",
            "prefix",
            "user",
            "account",
            "scopes",
            "rate_per_minute",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "created_at",
        )
        read_only_fields = ("prefix", "revoked_at", "last_used_at")
        unchecked = ("digest", "prefix", "user")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        expires_at = attrs.get("expires_at")
        if expires_at is not None and expires_at <= timezone.now():
            raise serializers.ValidationError({"expires_at": "This time has passed."})
        return super().validate({**attrs, **self._within(self.context["request"].auth, attrs)})

    def create(self, validated_data: dict[str, Any]) -> ApiToken:
        row, text = issue(self.context["request"].user, **validated_data)
        vars(row)["shown_token"] = text
        return row

    def to_representation(self, instance: ApiToken) -> dict[str, Any]:
        """Return the token's row; with its text in the answer to the request that made it, and in no other."""
        shown: dict[str, Any] = super().to_representation(instance)
        text = vars(instance).get("shown_token")
        return shown if text is None else {**shown, "token": text}

    def _within(self, parent: Any, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return what a token made with another token inherits: it never reaches further or lives longer."""
        if not isinstance(parent, ApiToken):
            return {}
        beyond = set(attrs["scopes"]) - set(parent.scopes)
        if beyond:
            raise serializers.ValidationError({"scopes": f"Your token has not: {', '.join(sorted(beyond))}."})
        inherited: dict[str, Any] = {}
        if parent.account_id is not None:
            inherited["account"] = parent.account
        if parent.expires_at is not None:
            wanted = attrs.get("expires_at", in_a_year())
            inherited["expires_at"] = min(parent.expires_at, wanted or parent.expires_at)
        return inherited


class NewTokenSerializer(TokenSerializer):
    """The answer that shows a new token; for OpenAPI."""

    token = serializers.CharField(read_only=True, help_text="Shown in this answer alone.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]
