# SPDX-License-Identifier: Apache-2.0
"""Finds an account by its id or domain, and a SIP user of it by the name that people and phones use."""

from __future__ import annotations

import uuid
from contextlib import suppress

from django.db.models import Q

from accounts.models import Account, User
from switchboard.addresses import domain


def account_called(text: str) -> Q:
    """Return the condition that the account of this id or domain meets; none meets it when the text is neither."""
    with suppress(ValueError):
        return Q(pk=uuid.UUID(text))
    with suppress(ValueError):
        return Q(domain=domain(text))
    return Q(pk__in=())


def find_user(account: Account, name: str) -> User | None:
    """Return the user of an account with this extension, else the one with this user name, as a node does."""
    users = list(User.objects.filter(Q(extension=name) | Q(username=name), account=account))
    return next((user for user in users if user.extension == name), users[0] if users else None)
