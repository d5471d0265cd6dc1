# SPDX-License-Identifier: Apache-2.0
"""Roles of people in an account, what each role may do, and how far a token's scopes reach.

The tables here are the whole policy; `accounts.tenancy` only reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from django.db import models


class Role(models.TextChoices):
    """What a person is in one account."""

    ADMIN = "admin", "Account admin"
    OPERATOR = "operator", "Operator"
    VIEWER = "viewer", "Read-only"


class Scope(models.TextChoices):
    """What a token may be used for, within what its owner may do."""

    READ = "read", "Read configuration and live state"
    WRITE = "write", "Change configuration"
    CALLS = "calls", "See, start and end calls"
    CDRS = "cdrs", "Read call records"


class Permission(StrEnum):
    """One thing that a person may or may not do in an account."""

    VIEW_LIVE = "view_live"
    HANG_UP = "hang_up"
    ORIGINATE = "originate"
    VIEW_CDRS = "view_cdrs"
    VIEW_CONFIG = "view_config"
    RECORD = "record"
    LISTEN = "listen"
    """To recordings; who may not, does not even see that there are any."""
    CHANGE_CONFIG = "change_config"
    MANAGE_TOKENS = "manage_tokens"
    PLATFORM = "platform"
    """What concerns every account: accounts themselves, shared routes, logins, RTP managers."""


ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ADMIN: frozenset(Permission) - {Permission.PLATFORM},
    Role.OPERATOR: frozenset(
        {
            Permission.VIEW_LIVE,
            Permission.HANG_UP,
            Permission.VIEW_CDRS,
            Permission.RECORD,
            Permission.LISTEN,
        }
    ),
    Role.VIEWER: frozenset({Permission.VIEW_LIVE, Permission.VIEW_CDRS, Permission.VIEW_CONFIG}),
}

SCOPE_PERMISSIONS: Final[Mapping[Scope, frozenset[Permission]]] = {
    Scope.READ: frozenset({Permission.VIEW_LIVE, Permission.VIEW_CONFIG}),
    Scope.WRITE: frozenset({Permission.CHANGE_CONFIG, Permission.MANAGE_TOKENS, Permission.PLATFORM}),
    Scope.CALLS: frozenset(
        {Permission.VIEW_LIVE, Permission.HANG_UP, Permission.ORIGINATE, Permission.RECORD}
    ),
    Scope.CDRS: frozenset({Permission.VIEW_CDRS, Permission.LISTEN}),
}
