# SPDX-License-Identifier: Apache-2.0
"""REST of the dialplan (``/api/v1/routes``, ``dialplan/simulate``)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.choices import Permission
from accounts.lookup import find_user
from dialplan.api.filters import RouteFilter
from dialplan.api.serializers import RouteSerializer, SimulationRequestSerializer, SimulationSerializer
from dialplan.models import Route
from dialplan.simulation import simulate
from switchboard.api_views import TenantViewSet


class RouteViewSet(TenantViewSet):
    """Routes: which number runs which actions. Those of every account are changed by platform admins alone."""

    queryset = Route.objects.all()
    serializer_class = RouteSerializer
    filterset_class = RouteFilter
    shared_rows = True
    ordering_choices = ("priority", "id", "name", "created_at", "updated_at")


class SimulateView(APIView):
    """The simulator."""

    # It changes nothing: POST because what is asked is a document.
    write_permission = Permission.VIEW_CONFIG
    http_method_names = ["post"]

    @extend_schema(
        operation_id="dialplan_simulate",
        request=SimulationRequestSerializer,
        responses=SimulationSerializer,
        description="Tells what would happen if a user dialled a number: every route considered and why it was "
        "chosen or not, and the actions with their variables filled in. Nobody is called.",
    )
    def post(self, request: Request) -> Response:
        """Answer what would become of a call."""
        question = SimulationRequestSerializer(data=request.data, context={"request": request})
        question.is_valid(raise_exception=True)
        asked: dict[str, Any] = question.validated_data
        account_field: Any = question.fields["account"]
        account = asked.get("account") or account_field.only_choice()
        if account is None:
            raise ValidationError({"account": "Say which account; you reach several."})
        caller = find_user(account, asked["caller"]) if asked.get("caller") else None
        if asked.get("caller") and caller is None:
            raise ValidationError({"caller": f"The account has no user {asked['caller']}."})
        return Response(SimulationSerializer(simulate(account, asked["number"], caller)).data)
