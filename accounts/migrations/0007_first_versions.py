# SPDX-License-Identifier: Apache-2.0
"""Gives each membership, token and login that was there before its history began a first version to compare with."""

from typing import Any

from django.conf import settings
from django.db import migrations
from django.utils import timezone

KINDS = (
    ("accounts.Membership", "HistoricalMembership", "created_at"),
    ("accounts.ApiToken", "HistoricalApiToken", "created_at"),
    (settings.AUTH_USER_MODEL, "HistoricalLogin", "date_joined"),
)
OF_THE_VERSION = {"history_id", "history_date", "history_type", "history_user", "history_change_reason"}


def write_first_versions(apps: Any, schema_editor: Any) -> None:
    """Store every row as it is, under the date when it was made."""
    for label, name, made_at in KINDS:
        versions = apps.get_model("accounts", name)
        kept = [f.attname for f in versions._meta.concrete_fields if f.name not in OF_THE_VERSION]
        alias = schema_editor.connection.alias
        rows = apps.get_model(label)._default_manager.using(alias)
        versions.objects.using(alias).bulk_create(
            (
                versions(
                    **{attname: getattr(row, attname) for attname in kept},
                    history_date=getattr(row, made_at) or timezone.now(),
                    history_type="+",
                )
                for row in rows.iterator()
            ),
            batch_size=500,
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_history_of_people")]
    operations = [migrations.RunPython(write_first_versions, migrations.RunPython.noop)]
