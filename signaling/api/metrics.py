# SPDX-License-Identifier: Apache-2.0
"""``/metrics`` of a signaling node: the figures of the SIP process, for who sees every account."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from signaling.api.base import LiveView
from signaling.api.permissions import ConcernsEveryAccount
from signaling.api.runtime import current
from switchboard.metrics.exposition import CONTENT_TYPE, from_plain, render


class LiveMetricsView(LiveView):
    """The figures of the SIP process."""

    permission_classes: Any = (ConcernsEveryAccount,)
    http_method_names = ["get", "head"]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return them as Prometheus reads them."""
        told = current().command("metrics")
        return HttpResponse(render(from_plain(told["readings"]), told["pid"]), content_type=CONTENT_TYPE)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Whatever a scraper accepts, it gets the text; JSON is for errors."""
        return JSONRenderer(), JSONRenderer.media_type
