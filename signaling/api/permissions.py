# SPDX-License-Identifier: Apache-2.0
"""What concerns every account is for those who see every account."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.choices import Permission
from accounts.tenancy import access_of


class ConcernsEveryAccount(BasePermission):
    """Reading needs a sight of every account, changing needs `Permission.PLATFORM`."""

    message = "This concerns every account and is for platform administrators."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        access = access_of(request.user)
        if request.method in SAFE_METHODS:
            return access.accounts_with(Permission.VIEW_LIVE) is None
        return access.may(Permission.PLATFORM)
