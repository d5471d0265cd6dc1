# SPDX-License-Identifier: Apache-2.0
"""Change history of rows with a column that nobody may read or that changes by itself.

Invariant: what a history leaves out never makes a version of its own, so that a log of changes stays one of changes.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User as Login
from django.db.models import Model
from simple_history import register
from simple_history.models import HistoricalRecords

NEW_PASSWORD = "New password"  # noqa: S105 - what the history says, no password


class QuietRecords(HistoricalRecords):  # type: ignore[misc]
    """Versions of a row, except of saves that touch nothing but excluded columns."""

    def post_save(self, instance: Model, created: bool, using: str | None = None, **kwargs: Any) -> None:
        """Write a version, unless the save named columns and all of them are left out."""
        saved = kwargs.get("update_fields")
        if created or saved is None or not set(saved) <= set(self.excluded_fields):
            super().post_save(instance, created, using=using, **kwargs)


class LoginRecords(QuietRecords):
    """Versions of somebody who logs in; a new password is told, and nothing of it kept."""

    def get_change_reason_for_object(self, instance: Any, history_type: str, using: str | None) -> str | None:
        """Return why a version was made, when that is known."""
        given: str | None = super().get_change_reason_for_object(instance, history_type, using)
        # Django keeps a password that was just set until the row is stored.
        is_new = history_type == "~" and getattr(instance, "_password", None) is not None
        return given or (NEW_PASSWORD if is_new else None)


register(
    Login,
    app="accounts",
    custom_model_name="HistoricalLogin",
    table_name="logins_history",
    records_class=LoginRecords,
    excluded_fields=["password", "last_login", "date_joined"],
)
