# SPDX-License-Identifier: Apache-2.0
"""The project's settings without django-unfold, and a walk through the admin pages with them.

Run as a program: a process has one set of installed apps.
"""

from __future__ import annotations

import os
import sys

from switchboard import settings as project

for _name in dir(project):
    if _name.isupper():
        globals()[_name] = getattr(project, _name)
INSTALLED_APPS = [app for app in project.INSTALLED_APPS if not app.startswith("unfold")]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


def walk() -> list[str]:
    """Return the admin pages that do not open."""
    from django.contrib import admin
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    call_command("migrate", verbosity=0)
    client = Client(headers={"host": "localhost"})
    client.force_login(get_user_model().objects.create_superuser("admin", password="x"))
    pages = ["admin:index"]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages += [f"{name}_changelist", f"{name}_add"]
    addresses = [*map(reverse, pages), *_history_pages()]
    statuses = {address: client.get(address).status_code for address in addresses}
    return [f"{address} {status}" for address, status in statuses.items() if status not in (200, 403)]


def _history_pages() -> list[str]:
    from django.urls import reverse

    from accounts.models import Account

    account = Account.objects.create(name="Alpha", domain="alpha.example")
    account.name = "Beta"
    account.save()
    first = account.history.earliest()
    return [
        reverse("admin:accounts_account_history", args=[account.pk]),
        reverse("admin:accounts_account_simple_history", args=[account.pk, first.pk]),
    ]


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "accounts.tests.plain_theme"
    import django

    django.setup()
    closed = walk()
    print("\n".join(closed))
    sys.exit(bool(closed))
