# SPDX-License-Identifier: Apache-2.0
"""URLs of the live API of a signaling node."""

from django.urls import path

from signaling.api import views
from signaling.api.control import CallControlView, CallListView, DrainView, RecordingView
from signaling.api.health import HealthView
from signaling.api.metrics import LiveMetricsView
from signaling.api.schema_view import SchemaView
from signaling.api.sse import EventsView

urlpatterns = [
    path("api/v1/health", HealthView.as_view(), name="health"),
    path("api/v1/stats", views.StatsView.as_view(), name="stats"),
    path("api/v1/registrations", views.RegistrationListView.as_view(), name="registrations"),
    path("api/v1/registrations/<path:aor>", views.RegistrationView.as_view(), name="registration"),
    path("api/v1/dialogs", views.DialogListView.as_view(), name="dialogs"),
    path("api/v1/dialogs/<path:call_id>", views.DialogView.as_view(), name="dialog"),
    path("api/v1/sessions", views.SessionListView.as_view(), name="sessions"),
    path("api/v1/rtpmanagers", views.RtpManagerListView.as_view(), name="rtpmanagers"),
    path("api/v1/rtpmanagers/<path:node_id>/drain", DrainView.as_view(), name="drain"),
    path("api/v1/calls", CallListView.as_view(), name="calls"),
    path("api/v1/calls/<path:call_id>/recording", RecordingView.as_view(), name="call-recording"),
    path("api/v1/calls/<path:call_id>", CallControlView.as_view(), name="call"),
    path("api/v1/events", EventsView.as_view(), name="events"),
    path("health", HealthView.as_view(schema=None), name="short-health"),
    path("metrics", LiveMetricsView.as_view(), name="metrics"),
    path("api/schema", SchemaView.as_view(), name="schema"),
]
handler404 = "switchboard.api_errors.not_found_here"
handler500 = "switchboard.api_errors.server_error"
