# SPDX-License-Identifier: Apache-2.0
"""Rows that tests need: two tenants and users in them, made through the ORM as the product makes them."""

from __future__ import annotations

from typing import Any

from accounts.models import Account, ConfigRevision, User


def make_account(domain: str = "alpha.example", **fields: Any) -> Account:
    """Return a saved account."""
    return Account.objects.create(**({"name": domain.partition(".")[0].title(), "domain": domain} | fields))


def make_user(
    account: Account, extension: str = "1001", password: str = "correct horse", **fields: Any
) -> User:
    """Return a saved user whose name is its extension."""
    user = User(**({"account": account, "username": extension, "extension": extension} | fields))
    user.set_password(password)
    user.save()
    return user


def revision(topic: str) -> int:
    """Return the counter of a topic; 0 when nothing was ever changed."""
    return ConfigRevision.objects.filter(topic=topic).values_list("number", flat=True).first() or 0
