# SPDX-License-Identifier: Apache-2.0
"""REST of accounts, SIP users and tokens (``/api/v1/accounts``, ``users``, ``tokens``, ``me``)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import PermissionDenied
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from accounts.api.filters import AccountFilter, TokenFilter, UserFilter
from accounts.api.serializers import (
    AccountSerializer,
    NewTokenSerializer,
    TokenSerializer,
    UserSerializer,
    UserWithPasswordSerializer,
)
from accounts.choices import Permission
from accounts.models import Account, ApiToken, User
from accounts.tenancy import access_of
from accounts.tokens import revoke, visible_tokens
from switchboard.api_views import TenantView, TenantViewSet


def _only_platform(request: Request) -> None:
    if not access_of(request.user).may(Permission.PLATFORM):
        raise PermissionDenied("Only a platform admin may do that.")


class AccountViewSet(TenantViewSet):
    """Accounts: the tenants of the installation."""

    queryset = Account.objects.all()
    serializer_class = AccountSerializer
    filterset_class = AccountFilter
    account_path = "pk"
    ordering_choices = ("name", "domain", "created_at")

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Make an account (platform admins)."""
        _only_platform(request)
        return super().create(request, *args, **kwargs)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Delete an account with its users, routes and tokens; its call records stay (platform admins)."""
        _only_platform(request)
        return super().destroy(request, *args, **kwargs)


@extend_schema_view(
    create=extend_schema(
        summary="Make a working extension in one call",
        description="The answer holds the password, this once.",
        responses={201: UserWithPasswordSerializer},
    ),
    partial_update=extend_schema(
        description="A new `password` (or `generate_password`) is shown in the answer, this once. A new `username` "
        "or `account` needs a new password: the stored hash contains both.",
        responses={200: UserWithPasswordSerializer},
    ),
)
class UserViewSet(TenantViewSet):
    """SIP users: an extension with its credential."""

    queryset = User.objects.select_related("account")
    serializer_class = UserSerializer
    filterset_class = UserFilter
    ordering_choices = ("extension", "username", "display_name", "created_at", "updated_at")


@extend_schema_view(create=extend_schema(responses={201: NewTokenSerializer}))
class TokenViewSet(
    TenantView,
    CreateModelMixin,
    ListModelMixin,
    RetrieveModelMixin,
    DestroyModelMixin,
    GenericViewSet[ApiToken],
):
    """API tokens: those of the caller's accounts and the caller's own."""

    queryset = ApiToken.objects.all()
    serializer_class = TokenSerializer
    filterset_class = TokenFilter
    read_permission = write_permission = Permission.MANAGE_TOKENS
    ordering_choices = ("-created_at", "name")
    http_method_names = ["get", "post", "delete", "head"]

    def get_queryset(self) -> QuerySet[ApiToken]:
        return visible_tokens(self.request.user).select_related("user")

    def check_object_permissions(self, request: Request, obj: Any) -> None:
        """Ask nothing more: only what may be managed is found at all, and an own token may belong to no account."""

    def perform_destroy(self, instance: ApiToken) -> None:
        """Revoke the token; it stays in the list."""
        revoke(instance)
