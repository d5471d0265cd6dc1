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
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {connection.ops.quote_name(settings.DATABASE_SCHEMA)}")
