# SPDX-License-Identifier: Apache-2.0
"""Dialplan routes as rows: the source of truth that files are imported into and exported from."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from accounts.models import Account
from accounts.revision import RevisionedModel
from dialplan import prompts
from dialplan.engine import DialplanError, RouteDocument, parse_route

DOCUMENT_FIELDS = tuple(RouteDocument.model_fields)


def new_route_id() -> str:
    """Return an id for a route that was given none."""
    return f"route-{uuid.uuid4().hex[:12]}"


def new_uid() -> str:
    """Return a name for a row that no other one has, of whatever account."""
    return uuid.uuid4().hex


class Route(RevisionedModel):
    """One rule of the dialplan: numbers that match the pattern run the actions, in order.

    ``id`` is what documents, REST and call records call it. Each account names its routes as it likes, as do those
    who write the routes of every account, so that no id that is taken tells of a route of others.
    """

    revision_topic = "routes"

    uid = models.CharField(primary_key=True, max_length=64, default=new_uid, editable=False)
    id = models.CharField(max_length=64, default=new_route_id)
    account = models.ForeignKey(
        Account,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="routes",
        help_text="Empty: the route serves every account.",
    )
    name = models.CharField(max_length=200, help_text="What people call the route.")
    pattern = models.CharField(
        max_length=128,
        help_text="A glob on the dialled number: 500, 1???, 00*, [2-4]*, [!0]*, *; a dialled star is [*].",
    )
    priority = models.IntegerField(
        default=100, help_text="Lower numbers are tried first; the first match wins."
    )
    enabled = models.BooleanField(default=True, help_text="A disabled route matches nothing.")
    actions = models.JSONField(default=list)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(
        table_name="dialplan_routes_history", excluded_fields=["created_at", "updated_at"]
    )

    class Meta:
        db_table = "dialplan_routes"
        ordering = ("priority", "id")
        constraints = (
            models.UniqueConstraint(fields=("account", "id"), name="routes_account_id_unique"),
            models.UniqueConstraint(
                fields=("id",), condition=models.Q(account=None), name="routes_shared_id_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.pattern})"

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Check the row by the one definition of a route.

        Here and not in ``clean()``, because an error in a field that a form leaves out must not stop that form: a
        broken route can still be disabled in the list.

        Raises:
            ValidationError: with every problem at its field; the text of one in the actions begins with its path.
        """
        errors: dict[str, list[Any]] = {}
        try:
            super().clean_fields(exclude=exclude)
        except ValidationError as error:
            errors = dict(error.error_dict)
        found_before = set(errors)
        try:
            self.checked_document()
        except DialplanError as error:
            for problem in error.errors:
                name, path = _split_path(problem.field)
                if name not in found_before and name not in (exclude or ()):
                    message = f"{path}: {problem.message}" if path else problem.message
                    errors.setdefault(name, []).append(ValidationError(message, code="dialplan"))
        if errors:
            raise ValidationError(errors)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Refuse an id that its account has given already.

        Raises:
            ValidationError: at the id, or at the account when the id is fixed.
        """
        twins = Route.objects.filter(account=self.account_id, id=self.id).exclude(pk=self.pk)
        if twins.exists():
            field = "account" if "id" in (exclude or ()) else "id"
            told = ValidationError(f"There is a route {self.id} already.", code="unique")
            raise ValidationError({field: told})

    def document(self) -> RouteDocument:
        """Return the route as the engine reads it.

        Raises:
            DialplanError: the row was written past the checks and is no valid route.
        """
        return parse_route({name: getattr(self, name) for name in DOCUMENT_FIELDS})

    def checked_document(self) -> RouteDocument:
        """Return the route as the engine reads it, after a look at whether the prompts that it plays exist.

        A stored route whose actions do not change is not refused for a prompt that went missing: it can still be
        renamed, disabled and so on.

        Raises:
            DialplanError: it is no valid route, or plays a prompt that does not exist.
        """
        document = self.document()
        missing = prompts.problems([document], self.account_id)
        if missing and not self._plays_the_same():
            raise DialplanError(missing)
        return document

    def _plays_the_same(self) -> bool:
        stored = Route.objects.filter(pk=self.pk).values_list("account_id", "actions").first()
        return stored == (self.account_id, self.actions)

    @property
    def source(self) -> str:
        """The file that the route was imported from and will be imported from again, or nothing."""
        path = self.metadata.get("path", "") if isinstance(self.metadata, dict) else ""
        return path if isinstance(path, str) else ""


def _split_path(field: str) -> tuple[str, str]:
    """Return the column that a path of the engine lies in, and the path when it leads into the column."""
    name = field.split("[", 1)[0].split(".", 1)[0]
    return name, "" if name == field else field
