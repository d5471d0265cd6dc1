# SPDX-License-Identifier: Apache-2.0
"""What can be done: hang up, call, drain. Checks who may, then asks the SIP process, which decides whether it can."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.choices import Permission
from accounts.models import Account
from accounts.tenancy import Access
from signaling.api import serializers as shapes
from signaling.api.base import LiveView, check_parameters
from signaling.api.filters import NO_SUCH_ACCOUNT, account_reached
from signaling.api.permissions import ConcernsEveryAccount
from signaling.api.runtime import current
from signaling.api.views import CallReadView, CallView, find_call

MAX_KEY_CHARS = 128
REPLAYED = "Idempotent-Replayed"


class CallListView(CallReadView):
    """Calls that go on, and a new one."""

    write_permission: ClassVar[Permission] = Permission.ORIGINATE

    @extend_schema(
        operation_id="calls_originate",
        request=shapes.OriginateSerializer,
        responses={201: shapes.OriginatedSerializer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                description="The same key makes no second call within 24 hours: the first answer comes again, with "
                f"the header {REPLAYED}. Up to {MAX_KEY_CHARS} printable characters.",
            ),
            OpenApiParameter(
                "Location", str, OpenApiParameter.HEADER, response=[201], description="Address of the call."
            ),
            OpenApiParameter(
                REPLAYED,
                str,
                OpenApiParameter.HEADER,
                response=[201],
                required=False,
                enum=("true",),
                description="Present when this answer was given before, and no second call was made.",
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Call: ring the phones of a user and, when one is answered, dial a number as that user."""
        given = shapes.OriginateSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted: dict[str, Any] = given.validated_data
        account_id = account_to_call_for(self.access(), wanted["account"])
        result = current().command(
            "originate",
            account_id=account_id,
            user=wanted["user"],
            number=wanted["number"],
            timeout_s=wanted["timeout"],
            asked_by=str(request.user),
            key=idempotency_key(request),
        )
        headers = {"Location": f"/api/v1/calls/{quote(result['call_uuid'], safe='')}"}
        if result.pop("replayed", False):
            headers[REPLAYED] = "true"
        return Response(result, status=201, headers=headers)


class CallControlView(CallView):
    """One call, and its end."""

    write_permission: ClassVar[Permission] = Permission.HANG_UP

    @extend_schema(operation_id="calls_hang_up", responses={200: shapes.HungUpSerializer})
    def delete(self, request: Request, call_id: str) -> Response:
        """Hang up a call, by its SIP Call-ID (of either leg) or its uuid."""
        row = find_call(self, call_id)
        if not self.access().may(Permission.HANG_UP, row["tenant_id"]):
            raise exceptions.PermissionDenied("Your role does not allow this in that account.")
        current().command("hang_up", call_uuid=row["call_uuid"], asked_by=str(request.user))
        return Response(
            {
                "message": "The call is being hung up.",
                "call_uuid": row["call_uuid"],
                "call_id": row["call_id"],
            }
        )


class RecordingView(LiveView):
    """The recording of a call that goes on."""

    write_permission: ClassVar[Permission] = Permission.RECORD

    @extend_schema(
        operation_id="calls_record", request=None, responses={202: shapes.RecordingOrderedSerializer}
    )
    def post(self, request: Request, call_id: str) -> Response:
        """Record a call from now on, or from its answer on; nothing changes when it is being recorded."""
        return self._order(request, call_id, is_wanted=True)

    @extend_schema(operation_id="calls_stop_recording", responses={202: shapes.RecordingOrderedSerializer})
    def delete(self, request: Request, call_id: str) -> Response:
        """Record a call no longer; nothing changes when it is not being recorded."""
        return self._order(request, call_id, is_wanted=False)

    def _order(self, request: Request, call_id: str, *, is_wanted: bool) -> Response:
        row = find_call(self, call_id)
        if not self.access().may(Permission.RECORD, row["tenant_id"]):
            raise exceptions.PermissionDenied("Your role does not allow this in that account.")
        done = current().command(
            "record", call_uuid=row["call_uuid"], on=is_wanted, asked_by=str(request.user)
        )
        if done.get("waits_for_answer"):
            message = "The call will be recorded once it is answered."
        else:
            message = "The call is being recorded." if is_wanted else "The call is recorded no longer."
        names = {"call_uuid": row["call_uuid"], "call_id": row["call_id"]}
        return Response({"message": message, **names}, status=202)


class DrainView(LiveView):
    """The drain of an RTP manager."""

    permission_classes: Any = (ConcernsEveryAccount,)

    @extend_schema(
        operation_id="rtpmanagers_drain",
        request=None,
        responses={202: shapes.DrainStartedSerializer},
        parameters=[
            OpenApiParameter(
                "mode",
                str,
                enum=shapes.DRAIN_MODES,
                description="What becomes of a call that cannot move: it stays (the default), or is ended.",
            )
        ],
    )
    def post(self, request: Request, node_id: str) -> Response:
        """Let an RTP manager take no new session and move its calls to others."""
        check_parameters(request, ("mode",))
        mode = request.query_params.get("mode", shapes.DRAIN_MODES[0])
        if mode not in shapes.DRAIN_MODES:
            raise exceptions.ValidationError({"mode": f"Use one of {', '.join(shapes.DRAIN_MODES)}."})
        begun = current().command("drain", node_id=node_id, mode=mode, asked_by=str(request.user))
        return Response(begun, status=202)

    @extend_schema(operation_id="rtpmanagers_drain_status", responses=shapes.DrainStatusSerializer)
    def get(self, request: Request, node_id: str) -> Response:
        """Return how far the drain of an RTP manager is."""
        return Response(current().command("drain_status", node_id=node_id))

    @extend_schema(operation_id="rtpmanagers_drain_cancel", responses={200: shapes.DrainCancelledSerializer})
    def delete(self, request: Request, node_id: str) -> Response:
        """Let an RTP manager take sessions again."""
        return Response(current().command("cancel_drain", node_id=node_id, asked_by=str(request.user)))


def account_to_call_for(access: Access, text: str) -> str:
    """Return the id of the account that a call is made for.

    Raises:
        ValidationError: it must be named, or is none in which the caller may call.
    """
    allowed = access.accounts_with(Permission.ORIGINATE)
    if text:
        account_id = account_reached(allowed, text)
        if account_id is None:
            raise exceptions.ValidationError({"account": NO_SUCH_ACCOUNT})
        return account_id
    if allowed is None:
        allowed = frozenset(str(key) for key in Account.objects.values_list("pk", flat=True)[:2])
    if len(allowed) != 1:
        raise exceptions.ValidationError({"account": "Say for which account: you may call for several."})
    return next(iter(allowed))


def idempotency_key(request: Request) -> str:
    """Return the key of a request, made unique to its caller; empty without one.

    Raises:
        ValidationError: it is too long or not printable.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return ""
    if len(key) > MAX_KEY_CHARS or not (key.isascii() and key.isprintable()):
        raise exceptions.ValidationError(
            {"Idempotency-Key": f"Use up to {MAX_KEY_CHARS} printable characters."}
        )
    caller = f"token {request.auth.pk}" if request.auth is not None else f"ui {request.user}"
    return f"{caller}:{key}"
