# SPDX-License-Identifier: Apache-2.0
"""The REST API of the ui role, put together: ``/api/v1/…``, its description and its console."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path, reverse
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from accounts.api.import_views import UserImportView
from accounts.api.me import MeView
from accounts.api.views import AccountViewSet, TokenViewSet, UserViewSet
from cdrs.api.recordings import RecordingViewSet
from cdrs.api.views import CallListView, CallView
from dialplan.api.documents import ExportView, ImportView
from dialplan.api.views import RouteViewSet, SimulateView
from media.api.views import PromptViewSet
from signaling.bans.api import BanViewSet
from signaling.registrations_api import RegistrationViewSet
from switchboard.api_description import SchemaView

router = SimpleRouter(trailing_slash=False)
router.register("accounts", AccountViewSet)
router.register("users", UserViewSet)
router.register("tokens", TokenViewSet)
router.register("routes", RouteViewSet)
router.register("prompts", PromptViewSet)
router.register("registrations", RegistrationViewSet)
router.register("bans", BanViewSet)
router.register("recordings", RecordingViewSet)


class ConsoleView(SpectacularSwaggerView):
    """Swagger UI, served from this process alone; asks for a login first."""

    permission_classes: Any = ()
    template_name = "api/console.html"
    title = "API console | Switchboard"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/users/import", UserImportView.as_view(), name="users-import"),
    path("v1/dialplan/simulate", SimulateView.as_view(), name="dialplan-simulate"),
    path("v1/dialplan/import", ImportView.as_view(), name="dialplan-import"),
    path("v1/dialplan/export", ExportView.as_view(), name="dialplan-export"),
    path("v1/cdrs", CallListView.as_view(), name="cdrs"),
    path("v1/cdrs/<uuid:pk>", CallView.as_view(), name="cdr"),
    path("v1/me", MeView.as_view(), name="me"),
    path("v1/", include(router.urls)),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs/", ConsoleView.as_view(url_name="api:schema"), name="docs"),
]
