# SPDX-License-Identifier: Apache-2.0
"""Accounts (tenants) and their SIP users."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from accounts.credentials import hash_password
from accounts.revision import ConfigRevision, RevisionedModel

__all__ = ["Account", "ConfigRevision", "User"]

validate_domain = RegexValidator(
    r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$",
    "Enter a domain name in lower case, such as pbx.example.com.",
)
validate_username = RegexValidator(
    r"^[A-Za-z0-9._+-]{1,64}$", "Use up to 64 letters, digits, dots, underscores, plus signs and hyphens."
)
validate_extension = RegexValidator(r"^[0-9*#+]{1,32}$", "Use up to 32 digits, stars, hashes and plus signs.")


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
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

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

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="users")
    username = models.CharField(
        max_length=64, validators=[validate_username], help_text="What the phone logs in with."
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

    class Meta:
        db_table = "users"
        ordering = ("account", "extension")
        constraints = (
            models.UniqueConstraint(fields=("account", "username"), name="users_account_username_unique"),
            models.UniqueConstraint(fields=("account", "extension"), name="users_account_extension_unique"),
        )

    def __str__(self) -> str:
        return f"{self.display_name} ({self.extension})" if self.display_name else self.extension

    def clean(self) -> None:
        """Refuse a change of username that would leave the stored hashes without their user name.

        Raises:
            ValidationError: the username changed and no new password was set.
        """
        if self._state.adding or getattr(self, "_password_set_for", None) == self.username:
            return
        stored = User.objects.filter(pk=self.pk).values_list("username", flat=True).first()
        if stored is not None and stored != self.username:
            raise ValidationError(
                {"username": "A new username needs a new password: the stored hash contains it."}
            )

    def set_password(self, password: str) -> None:
        """Store the HA1 values of ``password`` for this user name in the account's realm (not saved yet)."""
        realm = self.account.realm or self.account.domain
        hashes = hash_password(self.username, realm, password)
        self.password_hash = hashes.md5
        self.password_hash_sha256 = hashes.sha256
        self._password_set_for = self.username
