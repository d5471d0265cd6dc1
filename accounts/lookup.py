# SPDX-License-Identifier: Apache-2.0
"""Finds a SIP user of an account by the name that people and phones use."""

from __future__ import annotations

from django.db.models import Q

from accounts.models import Account, User


def find_user(account: Account, name: str) -> User | None:
    """Return the user of an account with this extension, else the one with this user name, as a node does."""
    users = list(User.objects.filter(Q(extension=name) | Q(username=name), account=account))
    return next((user for user in users if user.extension == name), users[0] if users else None)
