# SPDX-License-Identifier: Apache-2.0
"""What the REST serializers of all rooms share: strict JSON, the model's own checks, and no accounts of others."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import QuerySet
from rest_framework import serializers

from accounts.choices import Permission
from accounts.lookup import account_called
from accounts.models import Account
from accounts.tenancy import access_of, scope
from switchboard.api_filters import NO_SUCH_ACCOUNT


class AccountField(serializers.PrimaryKeyRelatedField[Account]):
    """The id or domain of an account in which the caller may do something; any other one does not exist."""

    default_error_messages = {
        "does_not_exist": NO_SUCH_ACCOUNT,
    }

    def __init__(self, *, permission: Permission = Permission.CHANGE_CONFIG, **kwargs: Any) -> None:
        self.permission = permission
        super().__init__(**{"queryset": Account.objects.all(), **kwargs})

    def get_queryset(self) -> QuerySet[Account]:
        """Return the accounts to choose from."""
        user = self.context["request"].user
        return scope(Account.objects.all(), access_of(user), "pk", permission=self.permission)

    def to_internal_value(self, data: Any) -> Account:
        """Return the account with this id or domain.

        Raises:
            ValidationError: there is none, or not for the caller.
        """
        found = self.get_queryset().filter(account_called(data)).first() if isinstance(data, str) else None
        if found is None:
            self.fail("does_not_exist")
        return found

    def only_choice(self) -> Account | None:
        """Return the account when there is but one to choose from."""
        choices = list(self.get_queryset()[:2])
        return choices[0] if len(choices) == 1 else None


class Strict(serializers.BaseSerializer[Any]):
    """Mixin: a value keeps its JSON type, so that 5 is no text and "yes" no boolean, and unknown fields are refused.

    Fields that can only be read are ignored: what was read can be changed and sent back.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values.

        Raises:
            ValidationError: with every field of a wrong type or an unknown name.
        """
        if isinstance(data, Mapping):
            fields: Mapping[str, Any] = getattr(self, "fields")  # noqa: B009
            problems = {name: problem for name in data if (problem := _problem(name, data[name], fields))}
            if problems:
                raise serializers.ValidationError(problems)
        return super().to_internal_value(data)


def _problem(name: str, value: Any, fields: Mapping[str, Any]) -> str:
    field = fields.get(name)
    if field is None:
        near = difflib.get_close_matches(str(name), fields, n=1)
        return f"Unknown field; is {near[0]} meant?" if near else "Unknown field."
    if field.read_only or value is None:
        return ""
    match field:
        case serializers.BooleanField():
            return "" if isinstance(value, bool) else "Must be true or false."
        case serializers.IntegerField():
            whole = isinstance(value, int) and not isinstance(value, bool)
            return "" if whole else "A valid integer is required."
        case serializers.CharField() | serializers.DateTimeField() | serializers.PrimaryKeyRelatedField():
            return "" if isinstance(value, str) else "Not a valid string."
        case _:
            return ""


class CheckedSerializer(Strict, serializers.ModelSerializer[Any]):
    """A model serializer that refuses what the model's ``full_clean`` refuses, at the same fields.

    ``unchecked`` in ``Meta`` names columns that are filled in when the row is saved.
    """

    def get_validators(self) -> list[Any]:
        """Return none: the model names the field at fault, the generated validators of constraints do not."""
        return []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the row as it would be stored.

        Raises:
            ValidationError: with every problem at its field.
        """
        row = self.checked_row(attrs)
        try:
            row.full_clean(exclude=getattr(self.Meta, "unchecked", ()))
        except ModelValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return attrs

    def checked_row(self, attrs: dict[str, Any]) -> Any:
        """Return the row as it would be stored, not saved."""
        model: Any = self.Meta.model
        row = model() if self.instance is None else copy.copy(self.instance)
        for name, value in attrs.items():
            setattr(row, name, value)
        return row
