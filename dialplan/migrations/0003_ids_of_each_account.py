# SPDX-License-Identifier: Apache-2.0
"""Lets each account name its routes as it likes: rows get a name of their own, which for those of before is their id."""

from typing import Any

from django.db import migrations, models
from django.db.models import F

import dialplan.models


def name_rows(apps: Any, schema_editor: Any) -> None:
    """Give every row, and every version of one, the id that it has as its name."""
    for model in ("Route", "HistoricalRoute"):
        rows = apps.get_model("dialplan", model)._base_manager.using(schema_editor.connection.alias)
        rows.update(uid=F("id"))


def exchange_keys(apps: Any, schema_editor: Any) -> None:
    """Make ``uid`` the primary key of PostgreSQL's table."""
    _take_as_key(schema_editor, "uid")


def exchange_back(apps: Any, schema_editor: Any) -> None:
    """Make ``id`` the primary key again; fails where accounts have given one id twice."""
    _take_as_key(schema_editor, "id")
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE dialplan_routes ALTER COLUMN uid DROP NOT NULL")


def _take_as_key(schema_editor: Any, column: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "ALTER TABLE dialplan_routes DROP CONSTRAINT dialplan_routes_pkey, "
            f"ADD CONSTRAINT dialplan_routes_pkey PRIMARY KEY ({column})"
        )


def name_rows_of_others(apps: Any, schema_editor: Any) -> None:
    """Let processes of the version before, which go on while this one is rolled out, save routes without a name."""
    _alter_uids(schema_editor, "SET DEFAULT replace(gen_random_uuid()::text, '-', '')")


def name_no_rows(apps: Any, schema_editor: Any) -> None:
    """Take that back."""
    _alter_uids(schema_editor, "DROP DEFAULT")


def _alter_uids(schema_editor: Any, what: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table in ("dialplan_routes", "dialplan_routes_history"):
            schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN uid {what}")


class AlterKey(migrations.AlterField):
    """A field that becomes the key, or no longer is.

    Django drops a key only with the field that was it, and then every key that it finds: two steps that cannot be in
    order on PostgreSQL. SQLite makes the table anew.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Alter the table, but for PostgreSQL's."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    dependencies = [("dialplan", "0002_history")]

    operations = [
        migrations.AddField("Route", "uid", models.CharField(max_length=64, null=True)),
        migrations.AddField("HistoricalRoute", "uid", models.CharField(max_length=64, null=True)),
        migrations.RunPython(name_rows, migrations.RunPython.noop),
        migrations.RunPython(exchange_keys, exchange_back),
        AlterKey(
            "Route",
            "uid",
            models.CharField(
                default=dialplan.models.new_uid,
                editable=False,
                max_length=64,
                primary_key=True,
                serialize=False,
            ),
        ),
        AlterKey(
            "Route", "id", models.CharField(default=dialplan.models.new_route_id, max_length=64)
        ),
        migrations.AlterField(
            "HistoricalRoute",
            "uid",
            models.CharField(
                db_index=True, default=dialplan.models.new_uid, editable=False, max_length=64
            ),
        ),
        migrations.AlterField(
            "HistoricalRoute", "id", models.CharField(default=dialplan.models.new_route_id, max_length=64)
        ),
        migrations.AddConstraint(
            "Route", models.UniqueConstraint(fields=("account", "id"), name="routes_account_id_unique")
        ),
        migrations.AddConstraint(
            "Route",
            models.UniqueConstraint(
                condition=models.Q(account=None), fields=("id",), name="routes_shared_id_unique"
            ),
        ),
        # Last: Django drops a column's default when it alters the field.
        migrations.RunPython(name_rows_of_others, name_no_rows),
    ]
