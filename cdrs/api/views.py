# SPDX-License-Identifier: Apache-2.0
"""REST of call records (``/api/v1/cdrs``): a page costs the same however many there are, and nothing is counted."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from accounts.choices import Permission
from accounts.tenancy import access_of, scope
from cdrs.api.serializers import CallPageSerializer, CallSearchSerializer, CallSerializer
from cdrs.models import CDR
from cdrs.search import BadCursor, Cursor, find
from switchboard.api_filters import check_parameters


class CallListView(APIView):
    """Search of calls."""

    read_permission = Permission.VIEW_CDRS
    http_method_names = ["get", "head"]

    @extend_schema(operation_id="cdrs_list", parameters=[CallSearchSerializer], responses=CallPageSerializer)
    def get(self, request: Request) -> Response:
        """Return a page of the calls that meet all conditions, newest first."""
        asked = CallSearchSerializer(data=request.query_params, context={"request": request})
        check_parameters(request, tuple(asked.fields))
        asked.is_valid(raise_exception=True)
        search = asked.search()
        needed = Permission.VIEW_CDRS if search.recorded is None else Permission.LISTEN
        page = find(
            search,
            access_of(request.user).accounts_with(needed),
            _cursor(asked.validated_data.get("cursor")),
            size=asked.validated_data["limit"],
        )
        body = {
            "results": page.calls,
            "next": _address(request, page.older),
            "previous": _address(request, page.newer),
            "searched_to": page.searched_to,
        }
        return Response(CallPageSerializer(body).data)


class CallView(RetrieveAPIView[CDR]):
    """One call."""

    serializer_class = CallSerializer
    read_permission = Permission.VIEW_CDRS
    filter_backends = ()
    http_method_names = ["get", "head"]

    @extend_schema(operation_id="cdrs_retrieve")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a call by its id."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[CDR]:
        return scope(CDR.objects.all(), access_of(self.request.user), permission=Permission.VIEW_CDRS)

    def account_id_of(self, row: CDR) -> Any:
        """Return the id of the account that a call belongs to."""
        return row.account_id


def _cursor(text: str | None) -> Cursor | None:
    try:
        return None if text is None else Cursor.parse(text)
    except BadCursor as error:
        raise ValidationError({"cursor": ["This is no cursor of this list."]}) from error


def _address(request: Request, cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    return replace_query_param(request.build_absolute_uri(), "cursor", str(cursor))
