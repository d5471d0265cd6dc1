# SPDX-License-Identifier: Apache-2.0
"""Counters that tell running nodes which configuration changed.

Each change of a configuration table raises the counter of its topic in the same transaction, so that a node which
reads a new number also reads the new rows. A node polls the few counters, never the tables themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from django.apps import apps
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


def bump_deleted(counts: Mapping[str, int]) -> None:
    """Raise the counters of everything that a deletion took along, cascades included.

    Args:
        counts: model label → rows, as Django's ``delete()`` returns it.
    """
    models_deleted = [apps.get_model(label) for label, rows in counts.items() if rows]
    for topic in sorted({m.revision_topic for m in models_deleted if issubclass(m, RevisionedModel)}):
        bump(topic)


def bump_for_fixture(*, instance: models.Model, raw: bool, **_: object) -> None:
    """Raise the counter for a row that ``loaddata`` wrote, which calls no ``save()``; a receiver of ``post_save``."""
    if raw and isinstance(instance, RevisionedModel):
        bump(instance.revision_topic)


class RevisionedQuerySet(models.QuerySet[ModelT]):
    """A query set whose bulk writes raise the counter too."""

    def _bump(self) -> None:
        bump(cast("type[RevisionedModel]", self.model).revision_topic)

    def update(self, **kwargs: Any) -> int:
        with transaction.atomic(using=self.db):
            changed = super().update(**kwargs)
            self._bump()
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic(using=self.db):
            deleted = super().delete()
            bump_deleted(deleted[1])
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
            bump_deleted(deleted[1])
        return deleted
