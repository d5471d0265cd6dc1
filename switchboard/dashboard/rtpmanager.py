# SPDX-License-Identifier: Apache-2.0
"""The page of one RTP manager: how it is, and out of service with it or back. For platform administrators.

The dashboard shows the form of this page in a dialog; without scripts its buttons lead here. What is done is written
down with the person who did it.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.choices import Permission
from accounts.tenancy import access_of
from switchboard.dashboard import backends
from switchboard.dashboard.backends import PULSE, Backend
from switchboard.dashboard.board import manager
from switchboard.dashboard.http_client import BackendProblem
from switchboard.dashboard.notices import drained, shared_notices
from switchboard.dashboard.views import answer, backend_named

log = structlog.get_logger("switchboard.dashboard")

MODES = ("graceful", "aggressive")
KIND = "rtp-manager"
"""Begins the object ids of the history, as RTP managers are in no table."""
VERSIONS = 20
DONE = {
    "graceful": "{} is being disabled; calls that cannot be moved stay.",
    "aggressive": "{} is being disabled; calls that cannot be moved are ended.",
    "cancel": "{} takes calls again.",
}


@require_http_methods(["GET", "HEAD", "POST"])
def rtp_manager(request: HttpRequest) -> HttpResponse:
    """Show the RTP manager ``node`` as the signaling node ``server`` knows it; with POST, do what ``act`` says.

    ``part=form`` shows the form alone, for a dialog.
    """
    if not access_of(request.user).may(Permission.PLATFORM):
        raise PermissionDenied
    server, node_id = request.GET.get("server", ""), request.GET.get("node", "")
    backend = backend_named(server)
    if backend is None:
        raise Http404(f"There is no signaling node {server}.")
    if request.method == "POST":
        return _act(request, backend, node_id)
    try:
        rows = [manager(row) for row in backends.rows_of(backend, PULSE)]
    except BackendProblem as problem:
        return _page(request, backend, node_id, {"problem": str(problem)}, 502)
    found = next((row for row in rows if row.get("node_id") == node_id), None)
    if found is None:
        raise Http404(f"There is no RTP manager {node_id}.")
    others = [
        row for row in rows if row is not found and row["drain_state"] == "active" and row.get("healthy")
    ]
    return _page(request, backend, node_id, {"manager": found, "others": len(others)}, 200)


def _act(request: Any, backend: Backend, node_id: str) -> HttpResponse:
    act = request.POST.get("act", "")
    if act == "drain":
        act = request.POST.get("mode", "")
    if act not in DONE:
        return answer(request, 400, "Choose what becomes of calls that cannot be moved.")
    person = request.user.get_username()
    try:
        if act == "cancel":
            backends.end_drain(backend, node_id, person)
        else:
            backends.drain(backend, node_id, act, person)
    except BackendProblem as problem:
        return answer(request, 409 if problem.status == 409 else 502, f"{backend.name}: {problem}")
    text = DONE[act].format(node_id)
    shared_notices().post(drained(person, node_id, act, request.POST.get("page", "")))
    log.info("dashboard.rtp_manager", act=act, rtp_manager=node_id, node=backend.name, person=person)
    LogEntry.objects.create(
        user=request.user,
        object_id=f"{KIND} {node_id}",
        object_repr=f"RTP manager {node_id}"[:200],
        action_flag=CHANGE,
        change_message=text,
    )
    return answer(request, 200, text)


def _page(
    request: HttpRequest, backend: Backend, node_id: str, found: dict[str, Any], status: int
) -> HttpResponse:
    context = {
        **found,
        "server": backend.name,
        "node_id": node_id,
        "is_dialog": request.GET.get("part") == "form",
    }
    if context["is_dialog"]:
        return render(request, "dashboard/rtp_manager_form.html", context, status=status)
    context |= {
        **admin.site.each_context(request),
        "title": f"RTP manager {node_id}",
        "versions": LogEntry.objects.filter(object_id=f"{KIND} {node_id}").select_related("user")[:VERSIONS],
    }
    return render(request, "dashboard/rtp_manager.html", context, status=status)
