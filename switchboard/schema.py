# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL schema that holds every table (the deployment guide names it ``switchboard``)."""

from django.conf import settings
from django.db import connections


def create_schema(*, using: str, **_: object) -> None:
    """Create the schema on PostgreSQL when it is missing; a receiver of ``pre_migrate``."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        # A user that may not create schemas may still use one that an administrator made.
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [settings.DATABASE_SCHEMA])
        if cursor.fetchone() is None:
            cursor.execute(
                f"CREATE SCHEMA IF NOT EXISTS {connection.ops.quote_name(settings.DATABASE_SCHEMA)}"
            )
