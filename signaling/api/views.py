# SPDX-License-Identifier: Apache-2.0
"""What is alive: lists, single items and counts. Reads the mirror alone; the SIP process does not notice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.choices import Permission
from signaling.api import serializers as shapes
from signaling.api.base import LiveView
from signaling.api.filters import MAX_ROWS, select
from signaling.api.permissions import ConcernsEveryAccount
from signaling.api.rendering import item_response, list_response
from signaling.live.mirror import LiveRow
from signaling.live.tables import CALLS, DIALOGS, REGISTRATIONS, RTPMANAGERS, SESSIONS, Table

PAGE = [
    OpenApiParameter("account", str, description="Id or domain of an account."),
    OpenApiParameter("limit", int, description=f"Most rows, 1 to {MAX_ROWS}, which is also the default."),
    OpenApiParameter("offset", int, description="Rows to skip; rows stand in the order of their making."),
]


def equals(name: str, description: str, choices: tuple[str, ...] = ()) -> OpenApiParameter:
    """Describe a filter."""
    return OpenApiParameter(name, OpenApiTypes.STR, description=description, enum=choices or None)


class TableView(LiveView):
    """A list of the rows of one table; subclasses name it."""

    table: ClassVar[Table]
    equal: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Filter → fields of which one must equal it."""
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}

    def listing(self, request: Request) -> HttpResponse:
        """Return the rows that the caller may see and has selected."""
        selection = select(request, self.tenants(), self.equal, self.choices)
        rows: Iterable[LiveRow] = self.mirror.rows(self.table, selection.tenants)
        found = [row for row in rows if selection.accepts is None or selection.accepts(row)]
        shown = found[selection.offset : selection.offset + selection.limit]
        return list_response(self.table, shown, self.tells_all, total=len(found))

    def tells_all(self, row: LiveRow) -> bool:
        """Whether the caller is told of a recording: who may neither make nor hear one does not see that there is any."""
        access, tenant = self.access(), row["tenant_id"] or ""
        return access.may(Permission.RECORD, tenant) or access.may(Permission.LISTEN, tenant)

    def matching(self, field: str, *values: str) -> list[LiveRow]:
        """Return the rows that the caller may see and whose field has one of the values.

        Raises:
            Http404: there is none.
        """
        found = [row for row in self.mirror.rows(self.table, self.tenants()) if row[field] in values]
        if not found:
            raise Http404
        return found


class CallReadView(TableView):
    """Calls that go on."""

    table = CALLS
    equal: ClassVar = {"state": ("state",), "number": ("caller_number", "callee_number")}
    choices: ClassVar = {"state": shapes.CALL_STATES}

    @extend_schema(
        operation_id="calls_list",
        responses=shapes.CallListSerializer,
        parameters=[
            *PAGE,
            equals("state", "How far it has come.", shapes.CALL_STATES),
            equals("number", "Number of caller or callee."),
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """List the calls that go on."""
        return self.listing(request)


class DialogListView(TableView):
    """SIP dialogs."""

    table = DIALOGS
    equal: ClassVar = {"state": ("state",), "call_id": ("call_id",), "call_uuid": ("call_uuid",)}
    choices: ClassVar = {"state": shapes.DIALOG_STATES}

    @extend_schema(
        operation_id="dialogs_list",
        responses=shapes.DialogListSerializer,
        parameters=[
            *PAGE,
            equals("state", "State of the dialog.", shapes.DIALOG_STATES),
            equals("call_id", "SIP Call-ID of the leg."),
            equals("call_uuid", "Call that it belongs to."),
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """List the SIP dialogs: both legs of each call."""
        return self.listing(request)


class DialogView(TableView):
    """The dialogs of one Call-ID."""

    table = DIALOGS

    @extend_schema(operation_id="dialogs_get", responses=shapes.DialogListSerializer)
    def get(self, request: Request, call_id: str) -> HttpResponse:
        """Return the dialogs with a Call-ID: one, or several while the phones of one user ring together."""
        found = self.matching("call_id", call_id)
        return list_response(DIALOGS, found, total=len(found))


class SessionListView(TableView):
    """Media sessions."""

    table = SESSIONS
    equal: ClassVar = {
        "state": ("state",),
        "call_id": ("call_id",),
        "call_uuid": ("call_uuid",),
        "rtp_manager": ("rtp_manager",),
    }
    choices: ClassVar = {"state": shapes.SESSION_STATES}

    @extend_schema(
        operation_id="sessions_list",
        responses=shapes.SessionListSerializer,
        parameters=[
            *PAGE,
            equals("state", "State of the session.", shapes.SESSION_STATES),
            equals("call_id", "SIP Call-ID of the caller's leg."),
            equals("call_uuid", "Call that it belongs to."),
            equals("rtp_manager", "RTP manager that has it."),
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """List the media sessions."""
        return self.listing(request)


class RegistrationListView(TableView):
    """Registered phones."""

    table = REGISTRATIONS
    equal: ClassVar = {"aor": ("aor",), "user_id": ("user_id",)}

    @extend_schema(
        operation_id="registrations_list",
        responses=shapes.RegistrationListSerializer,
        parameters=[*PAGE, equals("aor", "Address of record."), equals("user_id", "Id of the SIP user.")],
    )
    def get(self, request: Request) -> HttpResponse:
        """List the registered phones."""
        return self.listing(request)


class RegistrationView(TableView):
    """The phones of one address of record."""

    table = REGISTRATIONS

    @extend_schema(operation_id="registrations_get", responses=shapes.RegistrationListSerializer)
    def get(self, request: Request, aor: str) -> HttpResponse:
        """Return the phones of an address of record; ``sip:`` may be left out."""
        found = self.matching("aor", aor, f"sip:{aor}")
        return list_response(REGISTRATIONS, found, total=len(found))


class CallView(TableView):
    """One call."""

    table = CALLS

    @extend_schema(operation_id="calls_get", responses=shapes.CallSerializer)
    def get(self, request: Request, call_id: str) -> HttpResponse:
        """Return a call by its SIP Call-ID (of either leg) or its uuid."""
        return item_response(CALLS, find_call(self, call_id), self.tells_all)


def find_call(view: LiveView, call_id: str) -> LiveRow:
    """Return the call that the caller may see, by its uuid or by the SIP Call-ID of any of its legs.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    tenants = view.tenants()
    found = view.mirror.row(CALLS, call_id, tenants)
    if found is None:
        found = next((row for row in view.mirror.rows(CALLS, tenants) if row["call_id"] == call_id), None)
    if found is None:
        legs = (row for row in view.mirror.rows(DIALOGS, tenants) if row["call_id"] == call_id)
        found = next(
            (row for leg in legs if (row := view.mirror.row(CALLS, leg["call_uuid"], tenants)) is not None),
            None,
        )
    if found is None:
        raise exceptions.NotFound("There is no such call, or not for you.")
    return found


class RtpManagerListView(LiveView):
    """The pool of RTP managers."""

    permission_classes: Any = (ConcernsEveryAccount,)

    @extend_schema(operation_id="rtpmanagers_list", responses=shapes.RtpManagerListSerializer)
    def get(self, request: Request) -> Response:
        """List the RTP managers; for those who see every account."""
        mirror = self.mirror
        here: dict[str, int] = {}
        for session in mirror.rows(SESSIONS):
            here[session["rtp_manager"]] = here.get(session["rtp_manager"], 0) + 1
        members = [{**row, "session_count": here.get(row["node_id"], 0)} for row in mirror.rows(RTPMANAGERS)]
        return Response(
            {
                "total_members": len(members),
                "healthy_members": sum(1 for member in members if member["healthy"]),
                "active_sessions": sum(here.values()),
                "members": members,
            }
        )


class StatsView(LiveView):
    """Counts."""

    @extend_schema(operation_id="stats", responses=shapes.StatsSerializer)
    def get(self, request: Request) -> Response:
        """Count what is alive: all of it, or that of the caller's accounts."""
        mirror, tenants = self.mirror, self.tenants()
        everything = tenants is None and self.access().may(Permission.VIEW_LIVE)
        status = mirror.status

        def count(table: Table) -> int:
            return mirror.count(table) if everything else len(mirror.rows(table, tenants))

        return Response(
            {
                "total_sessions": status.get("total_sessions", 0) if everything else None,
                "active_sessions": count(SESSIONS),
                "total_registrations": count(REGISTRATIONS),
                "active_dialogs": count(DIALOGS),
                "active_calls": count(CALLS),
                "total_calls": status.get("total_calls", 0) if everything else None,
                "uptime_seconds": status.get("uptime_seconds", 0.0),
                "node_id": mirror.about.get("node_id", ""),
            }
        )
