# SPDX-License-Identifier: Apache-2.0
"""URLs of the ui role: Django admin is the UI and stands at the root of the site under ``/admin/``."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.setup.pages import provision
from switchboard.dashboard.rtpmanager import rtp_manager
from switchboard.dashboard.views import hang_up, record
from switchboard.jobs.health import jobs_health
from switchboard.metrics.views import MetricsView

admin.site.index_title = "Dashboard"


def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process serves requests, and what else is wrong; needs no login."""
    problems = jobs_health.problems()
    if problems:
        return JsonResponse({"status": "degraded", "problems": problems})
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health", health),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("admin/hang-up", admin.site.admin_view(hang_up), name="hang-up"),
    path("admin/record", admin.site.admin_view(record), name="record"),
    path("admin/rtp-manager", admin.site.admin_view(rtp_manager), name="rtp-manager"),
    path("admin/", admin.site.urls),
    path("provision/<str:ticket>", provision, name="provision"),
    path("api/", include(("switchboard.api", "api"))),
]
handler404 = "switchboard.api_errors.not_found"
handler500 = "switchboard.api_errors.server_error"
