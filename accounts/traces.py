# SPDX-License-Identifier: Apache-2.0
"""What a login has left behind: a login that did something is deactivated and not deleted, whatever it did it with."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db.models import F
from simple_history.models import HistoricalChanges


class Traces(NamedTuple):
    """How often the name of a login stands somewhere."""

    log_entries: int
    """Deeds in this admin."""
    versions: int
    """Versions of rows in their change histories, also those made over REST."""

    @property
    def any(self) -> bool:
        """Whether it did anything."""
        return bool(self.log_entries or self.versions)

    def __str__(self) -> str:
        told = []
        if self.log_entries:
            told.append(
                f"{self.log_entries} {'entry' if self.log_entries == 1 else 'entries'} in the log of this admin"
            )
        if self.versions:
            told.append(
                f"{self.versions} {'version' if self.versions == 1 else 'versions'} in change histories"
            )
        return " and ".join(told) or "nothing"


def traces_of(login_id: int) -> Traces:
    """Return what a login left; changes of itself, such as of its own password, do not count."""
    return Traces(
        log_entries=LogEntry.objects.filter(user=login_id).count(),
        versions=sum(
            _versions_by(model, login_id)
            for model in apps.get_models()
            if issubclass(model, HistoricalChanges)
        ),
    )


def _versions_by(model: Any, login_id: int) -> int:
    versions = model.objects.filter(history_user=login_id)
    if model._meta.object_name == "HistoricalLogin":
        versions = versions.exclude(id=F("history_user_id"))
    return int(versions.count())
