# SPDX-License-Identifier: Apache-2.0
"""The one permission class of all REST views: a view names what it needs, `accounts.tenancy` decides.

A view that names nothing is closed to everybody, so that a forgotten line shows at once.
"""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.choices import Permission
from accounts.tenancy import access_of


class HasPermission(BasePermission):
    """Asks for the view's ``read_permission`` (GET, HEAD, OPTIONS) or ``write_permission`` (all others).

    A view with objects may have ``account_id_of(obj)``; then the permission is asked for in that account, and
    what belongs to no account (None) is changed with `Permission.PLATFORM` alone.
    """

    message = "Your role, or the scope of your token, does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        if not _is_offered(request, view):
            # Nobody may, and nothing comes of it but the answer 405.
            return True
        needed = permission_for(request, view)
        return needed is not None and access_of(request.user).may(needed)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        needed = permission_for(request, view)
        if needed is None:
            return False
        account_id_of = getattr(view, "account_id_of", None)
        if account_id_of is None:
            return True
        account_id = account_id_of(obj)
        if account_id is None and request.method not in SAFE_METHODS:
            needed = Permission.PLATFORM
        return access_of(request.user).may(needed, account_id)


def _is_offered(request: Request, view: Any) -> bool:
    """Return whether a view has anything for the method of a request (as Django REST framework dispatches)."""
    method = str(request.method).lower()
    return method in view.http_method_names and hasattr(view, method)


def permission_for(request: Request, view: Any) -> Permission | None:
    """Return the permission that a view needs for the method of a request."""
    name = "read_permission" if request.method in SAFE_METHODS else "write_permission"
    needed: Permission | None = getattr(view, name, None)
    return needed
