# SPDX-License-Identifier: Apache-2.0
"""Whether this node can take calls, and if not, why: for probes and people, without a token."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from signaling.api.runtime import current
from signaling.api.serializers import DRAIN_STATES, HealthSerializer
from signaling.live.mirror import STATUS_LATE_S, Mirror
from signaling.live.tables import RTPMANAGERS
from switchboard.env import TRUE_WORDS
from switchboard.events.catalogue import rfc3339

CURED_BY_RESTART = frozenset({"SIP_AWAY", "SIP_SILENT"})
"""Restarting a node whose RTP managers are away or whose disk is full would end its calls and cure nothing."""


class HealthView(APIView):
    """The health of this node."""

    authentication_classes: Any = ()
    permission_classes: Any = (AllowAny,)
    throttle_classes: Any = ()

    @extend_schema(
        operation_id="health",
        parameters=[OpenApiParameter("liveness", bool, description="Only what a restart would cure counts.")],
        responses={200: HealthSerializer, 503: HealthSerializer},
    )
    def get(self, request: Request) -> Response:
        """Answer 200 when this node can take calls, else 503 and what is wrong."""
        mirror = current().mirror
        found = problems(mirror)
        if request.query_params.get("liveness", "").lower() in TRUE_WORDS:
            found = [problem for problem in found if problem[0] in CURED_BY_RESTART]
        body = {
            "status": "unavailable" if found else "ok",
            "timestamp": rfc3339(time.time()),
            "problems": [{"code": code, "detail": detail} for code, detail in found],
            "degraded": degradations(mirror),
        }
        return Response(body, status=503 if found else 200)


def degradations(mirror: Mirror) -> list[dict[str, str]]:
    """Return what is away though calls go on, in order of names."""
    away: dict[str, str] = mirror.status.get("degraded") or {} if mirror.complete else {}
    return [{"service": name, "state": "away", "detail": away[name]} for name in sorted(away)]


def problems(mirror: Mirror) -> list[tuple[str, str]]:
    """Return what keeps the node from taking calls, as (code, sentence)."""
    if not mirror.complete:
        return [("SIP_AWAY", "The signaling process is not connected.")]
    if mirror.status_age_s > STATUS_LATE_S:
        return [("SIP_SILENT", f"The signaling process has been silent for {mirror.status_age_s:.0f} s.")]
    found = []
    if mirror.status.get("starting"):
        waits_for = " ".join(each["detail"] for each in degradations(mirror))
        found.append(("STARTING", f"The node is starting. {waits_for}".strip()))
    if mirror.status.get("stopping"):
        found.append(("STOPPING", "The node is being stopped."))
    if sentence := _why_no_media(mirror.rows(RTPMANAGERS)):
        found.append(("NO_RTP_MANAGER", sentence))
    if mirror.status.get("journal_problem"):
        found.append(("JOURNAL", str(mirror.status["journal_problem"])))
    return found


def _why_no_media(managers: Sequence[Mapping[str, Any]]) -> str:
    healthy = [manager for manager in managers if manager["healthy"]]
    active = [manager for manager in healthy if manager["drain_state"] == DRAIN_STATES[0]]
    if any(manager["available_ports"] != 0 for manager in active):
        return ""
    if active:
        names = ", ".join(manager["node_id"] for manager in active)
        return (
            f"No RTP manager has a free port ({names}): more calls need a wider range, or one more of them."
        )
    names = ", ".join(manager["node_id"] for manager in healthy or managers) or "none is configured"
    return f"{'Every healthy RTP manager is drained' if healthy else 'No RTP manager is healthy'} ({names})."
