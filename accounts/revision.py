# SPDX-License-Identifier: Apache-2.0
"""Counters that tell running nodes which configuration changed.

Each change of a configuration table raises the counter of its topic in the same transaction, so that a node which
reads a new number also reads the new rows. A node polls the few counters, never the tables themselves.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F

ModelT = TypeVar("ModelT", bound=models.Model)


class ConfigRevision(models.Model):
    """How often the rows of one topic (``accounts``, ``users``, ``routes``) have changed."""

    topic = models.CharField(max_length=32, primary_key=True)
    number = models.BigIntegerField(default=0)

    class Meta:
        db_table = "config_revisions"

    def __str__(self) -> str:
        return f"{self.topic} {self.number}"


def bump(topic: str) -> None:
    """Raise the counter of ``topic``; call it in the transaction that makes the change."""
    if not ConfigRevision.objects.filter(topic=topic).update(number=F("number") + 1):
        with transaction.atomic():
            _, created = ConfigRevision.objects.get_or_create(topic=topic, defaults={"number": 1})
        if not created:
            ConfigRevision.objects.filter(topic=topic).update(number=F("number") + 1)


class RevisionedQuerySet(models.QuerySet[ModelT]):
    """A query set whose bulk writes raise the counter too."""

    def _bump(self) -> None:
        bump(self.model.revision_topic)  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> int:
        with transaction.atomic(using=self.db):
            changed = super().update(**kwargs)
            self._bump()
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic(using=self.db):
            deleted = super().delete()
            self._bump()
        return deleted

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[ModelT]:
        with transaction.atomic(using=self.db):
            created = super().bulk_create(*args, **kwargs)
            self._bump()
        return created

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        with transaction.atomic(using=self.db):
            changed = super().bulk_update(*args, **kwargs)
            self._bump()
        return changed


class RevisionedModel(models.Model):
    """Base of configuration models: every write raises the counter of `revision_topic`."""

    revision_topic = ""

    objects = RevisionedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)
            bump(self.revision_topic)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            bump(self.revision_topic)
        return deleted
