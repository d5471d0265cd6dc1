# SPDX-License-Identifier: Apache-2.0
"""The account that a new installation starts with."""

from django.db import migrations

DOMAIN = "switchboard.local"


def create_default_account(apps, schema_editor):
    """Create the account, unless one with its domain is there."""
    Account = apps.get_model("accounts", "Account")
    Account.objects.using(schema_editor.connection.alias).get_or_create(
        domain=DOMAIN, defaults={"name": "Switchboard", "realm": DOMAIN}
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(create_default_account, migrations.RunPython.noop)]
