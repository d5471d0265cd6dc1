# SPDX-License-Identifier: Apache-2.0
"""REST of the dialplan (``/api/v1/routes``, ``dialplan/simulate``)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
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

MANY = 3
"""Rows of one id that tell all there is to know: one of every account, and whether two accounts have one."""
SEVERAL = "Several accounts have a route of this id: say which, by ?account=."


class RouteViewSet(TenantViewSet):
    """Routes: which number runs which actions. Those of every account are changed by platform admins alone."""

    queryset = Route.objects.all()
    serializer_class = RouteSerializer
    filterset_class = RouteFilter
    shared_rows = True
    ordering_choices = ("priority", "id", "name", "created_at", "updated_at")
    ordering_ties = ("id",)
    lookup_field = "id"

    def get_object(self) -> Route:
        """Return the route of an id: that of an account, else that of every account.

        Raises:
            ValidationError: several accounts that the caller reaches have one of this id.
            NotFound: none has.
        """
        found: list[Route] = list(
            self.filter_queryset(self.get_queryset()).filter(id=self.kwargs["id"]).order_by()[:MANY]
        )
        rows = [row for row in found if row.account_id is not None] or found
        if not rows:
            raise NotFound
        if len(rows) > 1:
            raise ValidationError({"account": SEVERAL})
        self.check_object_permissions(self.request, rows[0])
        return rows[0]


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
