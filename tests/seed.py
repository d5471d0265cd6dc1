# SPDX-License-Identifier: Apache-2.0
"""Fills the database of a stack under test: `python -m tests.seed` reads a JSON document from stdin.

It runs in a process of its own, so that a test run has one Django (its own test database) and the stack another.
The document: ``{"accounts": [{...}], "users": [{...}], "routes": [{...}]}`` with the columns of the models; a user has
``account`` (a domain) and ``password`` instead of hashes. What exists is updated, so that a running stack is edited
the same way.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django


def main() -> None:
    """Apply the document on stdin in one transaction."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "switchboard.settings"
    django.setup()
    from django.db import transaction

    document: dict[str, list[dict[str, Any]]] = json.load(sys.stdin)
    with transaction.atomic():
        for fields in document.get("accounts", []):
            _account(fields)
        _users(document.get("users", []))
        for fields in document.get("routes", []):
            _route(fields)


def _account(fields: dict[str, Any]) -> None:
    from accounts.models import Account

    defaults = {"name": fields["domain"], "max_concurrent_calls": 0, **fields}
    Account.objects.update_or_create(domain=fields["domain"], defaults=defaults)


def _users(rows: list[dict[str, Any]]) -> None:
    from accounts.models import Account, User

    accounts = {account.domain: account for account in Account.objects.all()}
    known = {(user.account_id, user.username): user for user in User.objects.all()}
    created = []
    for row in rows:
        account = accounts[row["account"]]
        user = known.get((account.id, row["username"])) or User(account=account, username=row["username"])
        for name in ("extension", "display_name", "enabled", "max_concurrent_calls"):
            if name in row:
                setattr(user, name, row[name])
        if "password" in row:
            user.set_password(row["password"])
        if user._state.adding:
            created.append(user)
        else:
            user.save()
    User.objects.bulk_create(created)


def _route(fields: dict[str, Any]) -> None:
    from dialplan.models import Route

    Route.objects.update_or_create(id=fields["id"], defaults={"name": fields["id"], **fields})


if __name__ == "__main__":
    main()
