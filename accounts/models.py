# SPDX-License-Identifier: Apache-2.0
"""Accounts (tenants) and their SIP users; the app's other models are re-exported from their files."""

from __future__ import annotations

import secrets
import uuid
from importlib import import_module
from typing import Any, Self

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from accounts.access import ApiToken, Membership, PasswordHandover
from accounts.credentials import hash_password
from accounts.revision import ConfigRevision, RevisionedModel
from switchboard.addresses import DOMAIN

__all__ = [
    "Account",
    "ApiToken",
    "ConfigRevision",
    "Membership",
    "PasswordHandover",
    "User",
]

if apps.is_installed("axes"):
    import_module("accounts.logins")

validate_domain = RegexValidator(
    DOMAIN,
    "Enter a domain name in lower case, such as pbx.example.com.",
)
validate_username = RegexValidator(
    r"^[A-Za-z0-9._+-]{1,64}\Z", "Use up to 64 letters, digits, dots, underscores, plus signs and hyphens."
)
validate_extension = RegexValidator(
    r"^[0-9*#+]{1,32}\Z", "Use up to 32 digits, stars, hashes and plus signs."
)


class MediaEncryption(models.TextChoices):
    """What the phones of an account are asked for."""

    OFF = "off", "Off: plain RTP is offered"
    OPTIONAL = "optional", "Optional: phones may use the keys that are offered (RFC 8643)"
    REQUIRED = "required", "Required: only SRTP"


class Account(RevisionedModel):
    """A tenant: its users register in its domain and reach each other; nobody else's."""

    revision_topic = "accounts"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, help_text="What people call this customer or department.")
    domain = models.CharField(
        max_length=253,
        unique=True,
        validators=[validate_domain],
        help_text="The SIP domain of its users: they register as user@domain.",
    )
    realm = models.CharField(
        max_length=253,
        editable=False,
        help_text="Digest realm. Set from the domain once; it outlives a change of domain, because passwords are "
        "stored as hashes that contain it.",
    )
    enabled = models.BooleanField(
        default=True, help_text="A disabled account can neither register nor call nor be called."
    )
    max_concurrent_calls = models.PositiveIntegerField(
        default=100, help_text="Most calls at once of all its users; 0 means no limit."
    )
    media_encryption = models.CharField(
        "media encryption",
        max_length=8,
        choices=MediaEncryption.choices,
        default=MediaEncryption.OFF,
        help_text="What its phones are asked for when they are called. SRTP that a phone offers is taken whatever is "
        'chosen here; "required" refuses calls of phones that do not offer it.',
    )
    record_calls = models.BooleanField(
        "record all calls",
        default=False,
        help_text="Records every call of its users from the answer on. Others can be recorded by a route, or by an "
        "operator. Tell the people who talk: most laws ask for it.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(table_name="accounts_history", excluded_fields=["created_at", "updated_at"])

    class Meta:
        db_table = "accounts"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.domain = self.domain.lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.realm = self.realm or self.domain
        super().save(*args, **kwargs)


class User(RevisionedModel):
    """A SIP user: one extension with one credential and any number of registered phones."""

    revision_topic = "users"

    password_pending = False
    """Whether a new password was set or is about to be: then user name and account may change."""
    new_password: str | None = None
    """The password that was just set, for whoever shows it; never stored."""
    _stored_identity: tuple[Any, ...] | None = None
    _change_reason: str | None = None
    """What the history says about the next save."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="users")
    username = models.CharField(
        "user name", max_length=64, validators=[validate_username], help_text="What the phone logs in with."
    )
    password_hash = models.CharField(max_length=32, editable=False, help_text="Digest HA1, MD5, hex.")
    password_hash_sha256 = models.CharField(
        max_length=64, editable=False, help_text="Digest HA1, SHA-256, hex."
    )
    display_name = models.CharField(max_length=100, blank=True, help_text="Shown on the called phone.")
    extension = models.CharField(
        max_length=32,
        validators=[validate_extension],
        help_text="The number that others of the account dial.",
    )
    enabled = models.BooleanField(
        default=True, help_text="A disabled user can neither register nor call nor be called."
    )
    max_concurrent_calls = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Most calls at once; empty means the node's default, 0 means no limit.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(
        table_name="users_history",
        excluded_fields=["password_hash", "password_hash_sha256", "created_at", "updated_at"],
    )

    class Meta:
        db_table = "users"
        ordering = ("account", "extension")
        verbose_name = "SIP user"
        constraints = (
            models.UniqueConstraint(fields=("account", "username"), name="users_account_username_unique"),
            models.UniqueConstraint(fields=("account", "extension"), name="users_account_extension_unique"),
        )

    def __str__(self) -> str:
        return f"{self.display_name} ({self.extension})" if self.display_name else self.extension

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        user = super().from_db(*args, **kwargs)
        user._stored_identity = user._identity()
        return user

    def clean(self) -> None:
        """Refuse what would make a call or a login ambiguous or impossible.

        Raises:
            ValidationError: the user name or account changed and no new password was set, or another user of the
                account is called by this user name or extension.
        """
        if self._identity() == self._stored_identity:
            return
        errors = self._taken_names() | self._stale_password()
        if errors:
            raise ValidationError(errors)

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self._stored_identity = self._identity()
        self._change_reason = None

    def follow(self, stored: User) -> None:
        """Count as a changed copy of a stored row, for an object that was not read from the table."""
        self._stored_identity = stored._identity()

    def set_password(self, password: str) -> None:
        """Store the HA1 values of ``password`` for this user name in the account's realm (not saved yet)."""
        hashes = hash_password(self.username, self.realm, password)
        self.password_hash = hashes.md5
        self.password_hash_sha256 = hashes.sha256
        self.password_pending = True
        if not self._state.adding:
            self._change_reason = "New SIP password"

    def check_password(self, password: str) -> bool:
        """Return whether the stored hashes are those of ``password``."""
        hashes = hash_password(self.username, self.realm, password)
        return secrets.compare_digest(self.password_hash_sha256, hashes.sha256)

    @property
    def realm(self) -> str:
        """The digest realm that the hashes are made with."""
        return self.account.realm or self.account.domain

    def _identity(self) -> tuple[Any, ...]:
        """Return the columns whose change concerns the hashes or the other users (None for a deferred one)."""
        return tuple(self.__dict__.get(name) for name in ("account_id", "username", "extension"))

    def _stale_password(self) -> dict[str, str]:
        """Return the fields that changed although the stored hashes contain them."""
        if self._stored_identity is None or self.password_pending:
            return {}
        account_id, username, _ = self._stored_identity
        errors: dict[str, str] = {}
        if username != self.username:
            errors["username"] = "A new user name needs a new password: the stored hash contains it."
        if account_id != self.account_id:
            errors["account"] = "Another account needs a new password: the stored hash contains its realm."
        return errors

    def _taken_names(self) -> dict[str, str]:
        """Return the fields that name another user of the account; both kinds of name can be dialled."""
        others = User.objects.filter(account=self.account_id).exclude(pk=self.pk).order_by()
        errors: dict[str, str] = {}
        for field in ("username", "extension"):
            name = getattr(self, field)
            if name and others.filter(Q(username=name) | Q(extension=name)).exists():
                errors[field] = f"Another user of this account has {name} as user name or extension."
        return errors
