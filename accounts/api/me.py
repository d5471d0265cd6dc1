# SPDX-License-Identifier: Apache-2.0
"""``GET /api/v1/me``: who the caller is and what it may do where; the first thing to try with a new token."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import ApiToken
from accounts.choices import Permission, Role
from accounts.models import Account
from accounts.tenancy import Access, access_of, scope

MOST_ACCOUNTS = 1000


class ReachedAccountSerializer(serializers.Serializer[Any]):
    """An account and what the caller may do there."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    domain = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    permissions = serializers.ListField(child=serializers.ChoiceField(choices=[p.value for p in Permission]))


class CallerSerializer(serializers.Serializer[Any]):
    """Who asks."""

    login = serializers.CharField()
    platform = serializers.BooleanField(help_text="Whether every account is reached.")
    token = serializers.CharField(
        allow_null=True, help_text="How the token begins; null for a browser's login."
    )
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    accounts = ReachedAccountSerializer(many=True, help_text=f"The first {MOST_ACCOUNTS}, by name.")


class MeView(APIView):
    """The caller."""

    permission_classes = (IsAuthenticated,)
    http_method_names = ["get", "head"]

    @extend_schema(operation_id="me", responses=CallerSerializer)
    def get(self, request: Request) -> Response:
        """Return login, token and reached accounts."""
        access = access_of(request.user)
        token = request.auth if isinstance(request.auth, ApiToken) else None
        accounts = scope(Account.objects.order_by("name", "id"), access, "pk")[:MOST_ACCOUNTS]
        return Response(
            {
                "login": request.user.get_username(),
                "platform": access.platform,
                "token": token and token.prefix,
                "scopes": token and token.scopes,
                "accounts": [_shown(account, access) for account in accounts],
            }
        )


def _shown(account: Account, access: Access) -> dict[str, Any]:
    return {
        "id": account.pk,
        "name": account.name,
        "domain": account.domain,
        "role": access.role_in(account.pk),
        "permissions": [permission for permission in Permission if access.may(permission, account.pk)],
    }
