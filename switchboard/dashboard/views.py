# SPDX-License-Identifier: Apache-2.0
"""The buttons at a call: hang up, record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.choices import Permission
from accounts.tenancy import access_of
from switchboard.dashboard import backends
from switchboard.dashboard.http_client import BackendProblem
from switchboard.dashboard.notices import hung_up, recorded, shared_notices

log = structlog.get_logger("switchboard.dashboard")

GONE = "This call is over already."


Order = Callable[[backends.Backend, dict[str, Any], str], str]
"""Has a node do something with a call for a person; returns the sentence for that person."""


@require_POST
def hang_up(request: HttpRequest) -> HttpResponse:
    """End the call that ``call`` names as "node uuid", for whoever may do so in the call's account."""

    def order(backend: backends.Backend, call: dict[str, Any], person: str) -> str:
        backends.hang_up(backend, str(call["call_uuid"]), person)
        log.info("dashboard.hung_up", call_uuid=call["call_uuid"], node=backend.name, person=person)
        shared_notices().post(hung_up(person, call, request.POST.get("page", "")))
        return "The call was hung up."

    return _with_call(request, request.POST.get("call", ""), Permission.HANG_UP, order)


@require_POST
def record(request: HttpRequest) -> HttpResponse:
    """Record the call that ``start`` names, or no longer the one that ``stop`` does, as `hang_up` names it."""
    is_wanted = "start" in request.POST

    def order(backend: backends.Backend, call: dict[str, Any], person: str) -> str:
        said = backends.record(backend, str(call["call_uuid"]), is_wanted=is_wanted, person=person)
        about = {"call_uuid": call["call_uuid"], "node": backend.name, "person": person}
        log.info("dashboard.recording", on=is_wanted, **about)
        shared_notices().post(recorded(person, call, request.POST.get("page", ""), is_wanted=is_wanted))
        return said

    wanted = request.POST.get("start" if is_wanted else "stop", "")
    return _with_call(request, wanted, Permission.RECORD, order)


def _with_call(request: HttpRequest, named: str, permission: Permission, order: Order) -> HttpResponse:
    """Do something with a call that is named as "node uuid", for whoever may do so in the call's account.

    What a person may not see is answered like a call that is over.
    """
    access = access_of(request.user)
    if not access.may(permission):
        raise PermissionDenied
    server, _, wanted = named.rpartition(" ")
    try:
        found = _find(server, wanted)
        if found is None or not access.may(Permission.VIEW_LIVE, found[1].get("tenant_id") or ""):
            return answer(request, 404, GONE)
        backend, call = found
        if not access.may(permission, call.get("tenant_id") or ""):
            raise PermissionDenied
        return answer(request, 200, order(backend, call, request.user.get_username()))
    except BackendProblem as problem:
        if problem.status == 404:
            return answer(request, 404, GONE)
        return answer(request, 502, f"{server}: {problem}")


def _find(server: str, wanted: str) -> tuple[backends.Backend, dict[str, Any]] | None:
    backend = backend_named(server)
    if backend is None or not wanted:
        return None
    for call in backends.rows_of(backend, "calls"):
        if str(call.get("call_uuid")) == wanted:
            return backend, call
    return None


def backend_named(name: str) -> backends.Backend | None:
    """Return the signaling node of that name; None when there is none."""
    return next((backend for backend in backends.configured() if backend.name == name), None)


def answer(request: HttpRequest, status: int, text: str) -> HttpResponse:
    """Tell what became of a button: as JSON to scripts, else on the dashboard."""
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"message": text}, status=status)
    messages.add_message(request, messages.SUCCESS if status == 200 else messages.WARNING, text)
    return redirect("admin:index")
