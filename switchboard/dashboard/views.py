# SPDX-License-Identifier: Apache-2.0
"""The button that hangs up a call."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.choices import Permission
from accounts.tenancy import access_of
from switchboard.dashboard import backends
from switchboard.dashboard.http_client import BackendProblem

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
    try:
        found = _find(server, wanted)
        if found is None or not access.may(Permission.VIEW_LIVE, found[1].get("tenant_id") or ""):
            return _answer(request, 404, GONE)
        backend, call = found
        if not access.may(Permission.HANG_UP, call.get("tenant_id") or ""):
            raise PermissionDenied
        backends.hang_up(backend, wanted)
    except BackendProblem as problem:
        if problem.status == 404:
            return _answer(request, 404, GONE)
        return _answer(request, 502, f"{server}: {problem}")
    return _answer(request, 200, "The call was hung up.")


def _find(server: str, wanted: str) -> tuple[backends.Backend, dict[str, Any]] | None:
    for backend in backends.configured():
        if backend.name == server and wanted:
            for call in backends.calls_of(backend):
                if str(call.get("call_uuid")) == wanted:
                    return backend, call
    return None


def _answer(request: HttpRequest, status: int, text: str) -> HttpResponse:
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"message": text}, status=status)
    messages.add_message(request, messages.SUCCESS if status == 200 else messages.WARNING, text)
    return redirect("admin:index")
