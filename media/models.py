# SPDX-License-Identifier: Apache-2.0
"""Prompts that people upload, and the pieces of files that they consist of.

A prompt is a name and what is known of its sound; the sound itself stands in pieces (`media.prompts.blobs`) under the hash
of its content, so that it never changes while somebody plays it. An upload stands there too until it is converted.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import ProtectedError, Q
from simple_history.models import HistoricalRecords

from accounts.models import Account
from accounts.revision import RevisionedModel
from dialplan.engine.errors import FileNameError
from dialplan.engine.prompts import check_prompt_name

BAR_COUNT = 120
"""Bars of the picture of a sound."""


def validate_name(name: str) -> None:
    """Accept what a route can name.

    Raises:
        ValidationError: it cannot.
    """
    try:
        check_prompt_name(name)
    except FileNameError as error:
        raise ValidationError(f"{error}.", code="name") from error


class Status(models.TextChoices):
    """What became of the last upload."""

    CONVERTING = "converting", "Converting"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Prompt(RevisionedModel):
    """A sound that routes play by its name."""

    revision_topic = "prompts"

    _change_reason: str | None = None
    """What the history says about the next save."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        Account,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="prompts",
        help_text="Empty: every account may play it.",
    )
    name = models.CharField(
        max_length=100,
        validators=[validate_name],
        help_text="What routes call it: letters, digits, spaces and . _ - + alone.",
    )
    status = models.CharField(
        max_length=16, choices=Status.choices, default=Status.CONVERTING, editable=False
    )
    error = models.CharField(
        max_length=300, blank=True, editable=False, help_text="Why the last upload cannot be played."
    )
    sha256 = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="Of the sound as it is played; empty before the first.",
    )
    size = models.PositiveIntegerField(default=0, editable=False, help_text="Of that file, in bytes.")
    duration_ms = models.PositiveIntegerField(default=0, editable=False)
    peaks = models.JSONField(default=list, blank=True, editable=False)
    """Loudest sample of each of `BAR_COUNT` equal parts, 0 to 100."""
    source_name = models.CharField("uploaded file", max_length=200, blank=True, editable=False)
    source_format = models.CharField("its form", max_length=100, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(
        table_name="prompts_history",
        excluded_fields=["peaks", "size", "status", "error", "created_at", "updated_at"],
    )

    class Meta:
        db_table = "prompts"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("account", "name"), name="prompts_account_name_unique"),
            models.UniqueConstraint(
                fields=("name",), condition=Q(account=None), name="prompts_shared_name_unique"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def playable(self) -> bool:
        """Whether there is a sound; also while a new one is converted or when that failed."""
        return bool(self.sha256)

    def clean(self) -> None:
        """Refuse a name that is taken, and a change that a route would not survive.

        Raises:
            ValidationError: with the field at fault.
        """
        others = Prompt.objects.filter(account=self.account_id, name=self.name).exclude(pk=self.pk)
        if others.exists():
            whose = "This account" if self.account_id else "The prompts of every account"
            raise ValidationError(
                {"name": f"{whose} already {'has' if self.account_id else 'have'} {self.name}."}
            )
        stored = None if self._state.adding else Prompt.objects.filter(pk=self.pk).first()
        if stored is None:
            return
        if stored.account_id != self.account_id:
            raise ValidationError({"account": "The account of a prompt cannot be changed."})
        if stored.name != self.name and (users := stored.used_by()):
            raise ValidationError({"name": f"It cannot be renamed: {in_words(users)}."})

    def used_by(self) -> list[Any]:
        """Return the routes that play it and would find no other prompt of the name."""
        from media.prompts.usage import routes_playing

        return routes_playing(self)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete it.

        Raises:
            ProtectedError: a route plays it; the text names the routes.
        """
        if users := self.used_by():
            raise ProtectedError(f"It cannot be deleted: {in_words(users)}.", set(users))
        return super().delete(*args, **kwargs)


def in_words(routes: list[Any]) -> str:
    """Return which routes play something, in words."""
    shown = ", ".join(f"{route.name} ({route.id})" for route in routes[:5])
    more = f" and {len(routes) - 5} more" if len(routes) > 5 else ""
    return f"route{'s' if len(routes) > 1 else ''} {shown}{more} play{'' if len(routes) > 1 else 's'} it"


class PromptUpload(models.Model):
    """A file that waits to be converted; a prompt has one at most."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prompt = models.OneToOneField(Prompt, on_delete=models.CASCADE, related_name="upload")
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "prompt_uploads"
        ordering = ("created_at",)

    def __str__(self) -> str:
        return f"upload of {self.prompt}"


class Piece(models.Model):
    """A piece of a file, so that no process needs all of it in memory."""

    key = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "prompt_pieces"
        constraints = (models.UniqueConstraint(fields=("key", "number"), name="prompt_pieces_key_number"),)

    def __str__(self) -> str:
        return f"{self.key} {self.number}"
