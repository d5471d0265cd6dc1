# SPDX-License-Identifier: Apache-2.0
"""Who may do what, as rows: memberships of people in accounts, the tokens of programs, passwords on their way.

Whoever reads these rows to decide goes through `accounts.tenancy`, `accounts.tokens` and `accounts.setup.handover`.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from accounts.choices import Role, Scope
from accounts.records import QuietRecords

DEFAULT_RATE_PER_MINUTE = 600
MAX_RATE_PER_MINUTE = 600_000
DEFAULT_LIFE = timedelta(days=365)
"""How long a token lives unless something else is said, whatever it is made by."""


def in_a_year() -> datetime:
    """Return when a token expires that is made now and of which nothing else is said."""
    return timezone.now() + DEFAULT_LIFE


class Membership(models.Model):
    """A person who logs in works for an account, in one role."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name="login",
        help_text="The person; who is to use this admin also needs the staff status.",
    )
    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=16,
        choices=Role.choices,
        default=Role.VIEWER,
        help_text="Account admin: everything in the account. Operator: live pages, call records, hanging up. "
        "Read-only: sees all of it, changes nothing.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(table_name="memberships_history", excluded_fields=["created_at"])

    class Meta:
        db_table = "memberships"
        ordering = ("account", "user")
        constraints = (models.UniqueConstraint(fields=("user", "account"), name="memberships_user_account"),)

    def __str__(self) -> str:
        return f"{self._told('user')} in {self._told('account')}"

    def _told(self, side: str) -> str:
        """Return one side in words; versions of a membership outlive both."""
        try:
            return str(getattr(self, side))
        except ObjectDoesNotExist:
            return f"a deleted {'login' if side == 'user' else side}"


def validate_scopes(scopes: object) -> None:
    """Accept a list of one or more scopes.

    Raises:
        ValidationError: it is none.
    """
    if not isinstance(scopes, list) or not scopes or not set(Scope.values).issuperset(map(str, scopes)):
        raise ValidationError(f"Choose at least one of {', '.join(Scope.values)}.")


class ApiToken(models.Model):
    """A secret that a program shows instead of a login; only its hash is stored."""

    _change_reason: str | None = None
    """What the history says about the next save."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, help_text="What uses it: a program, a person, a place.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        verbose_name="login",
        help_text="The token may do what this person may, and no more than its scopes.",
    )
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="api_tokens",
        help_text="Empty: every account of the login.",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256, hex.")
    prefix = models.CharField(max_length=16, editable=False, help_text="How the token begins.")
    scopes = models.JSONField(default=list, validators=[validate_scopes])
    rate_per_minute = models.PositiveIntegerField(
        default=DEFAULT_RATE_PER_MINUTE,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RATE_PER_MINUTE)],
        help_text="Most requests a minute; more are answered 429.",
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, default=in_a_year, help_text="Empty: it does not expire."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    history = QuietRecords(
        table_name="api_tokens_history", excluded_fields=["digest", "last_used_at", "created_at"]
    )

    class Meta:
        db_table = "api_tokens"
        ordering = ("-created_at",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class PasswordHandover(models.Model):
    """A new SIP password on its way to its one showing, sealed; gone when it was shown."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of the ticket, hex.")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    sealed = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "password_handovers"

    def __str__(self) -> str:
        return f"handover to {self.user}"
