# SPDX-License-Identifier: Apache-2.0
"""``/metrics`` of the ui role. It concerns every account, so it is for those who see all of them."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.choices import Permission
from accounts.tenancy import access_of
from switchboard.metrics.exposition import CONTENT_TYPE, render
from switchboard.metrics.numbers import Readings


class SeesEveryAccount(BasePermission):
    """Lets in whoever may see what is alive in every account: a platform admin, with a token that may read."""

    message = "Metrics are for platform administrators, and for tokens of theirs that may read every account."

    def has_permission(self, request: Request, view: Any) -> bool:
        return (
            request.user.is_authenticated
            and access_of(request.user).accounts_with(Permission.VIEW_LIVE) is None
        )


class MetricsView(APIView):
    """The figures of this process."""

    permission_classes = (SeesEveryAccount,)
    http_method_names = ["get", "head"]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return them as Prometheus reads them."""
        return HttpResponse(render(database_readings()), content_type=CONTENT_TYPE)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Whatever a scraper accepts, it gets the text; JSON is for errors."""
        return JSONRenderer(), JSONRenderer.media_type


def database_readings() -> Readings:
    """Return how fast the database answers; without it nobody could have been let in to ask."""
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return {"switchboard_database_seconds": {(): time.perf_counter() - began}}
