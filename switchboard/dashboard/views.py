# SPDX-License-Identifier: Apache-2.0
"""The button that hangs up a call."""

from __future__ import annotations

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
from switchboard.dashboard.notices import hung_up, shared_notices

log = structlog.get_logger("switchboard.dashboard")

GONE = "This call is over already."


@require_POST
def hang_up(request: HttpRequest) -> HttpResponse:
    """End the call that ``call`` names as "node uuid", for whoever may do so in the call's account.

    What a person may not see is answered like a call that is over.
    """
    access = access_of(request.user)
    if not access.may(Permission.HANG_UP):
        raise PermissionDenied
    server, _, wanted = request.POST.get("call", "").rpartition(" ")
    person = request.user.get_username()
    try:
        found = _find(server, wanted)
        if found is None or not access.may(Permission.VIEW_LIVE, found[1].get("tenant_id") or ""):
            return answer(request, 404, GONE)
        backend, call = found
        if not access.may(Permission.HANG_UP, call.get("tenant_id") or ""):
            raise PermissionDenied
        backends.hang_up(backend, wanted, person)
    except BackendProblem as problem:
        if problem.status == 404:
            return answer(request, 404, GONE)
        return answer(request, 502, f"{server}: {problem}")
    log.info("dashboard.hung_up", call_uuid=wanted, node=server, person=person)
    shared_notices().post(hung_up(person, call, request.POST.get("page", "")))
    return answer(request, 200, "The call was hung up.")


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
