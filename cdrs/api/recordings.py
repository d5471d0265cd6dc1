# SPDX-License-Identifier: Apache-2.0
"""REST of recordings (``/api/v1/recordings``): list, read, listen, delete."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from accounts.choices import Permission
from cdrs.choices import RecordingState
from cdrs.models import Recording
from cdrs.recordings import files, listening
from switchboard.api_errors import Conflict
from switchboard.api_filters import ByAccount, check_parameters
from switchboard.api_negotiation import WhateverIsAccepted
from switchboard.api_views import ReadOnlyTenantViewSet


class RecordingSerializer(serializers.ModelSerializer[Recording]):
    """A recorded call, or a part of one; the sound comes from `audio`."""

    account = serializers.UUIDField(source="account_id", read_only=True, allow_null=True)
    call = serializers.UUIDField(source="cdr_id", read_only=True, help_text="Id of the call's record.")
    duration_ms = serializers.SerializerMethodField(help_text="null: not known.")
    size_bytes = serializers.SerializerMethodField(help_text="Of the file; null: not known.")
    here = serializers.SerializerMethodField(help_text="Whether the file is on this host, to be listened to.")

    class Meta:
        model = Recording
        fields = (
            "id",
            "account",
            "call",
            "caller_number",
            "callee_number",
            "began_at",
            "duration_ms",
            "size_bytes",
            "state",
            "detail",
            "here",
            "rtp_manager",
        )

    def get_duration_ms(self, row: Recording) -> int | None:
        """Return how long it is."""
        return files.duration_ms(row, files.size_of(row))

    def get_size_bytes(self, row: Recording) -> int | None:
        """Return how large its file is."""
        size = files.size_of(row)
        return row.size_bytes if size is None else size

    def get_here(self, row: Recording) -> bool:
        """Return whether the file is on this host."""
        return files.size_of(row) is not None


class RecordingFilter(filters.FilterSet):  # type: ignore[misc]
    """``account``, ``call``, ``state``."""

    account = ByAccount()
    call = filters.UUIDFilter(field_name="cdr_id", label="Id of the call's record.")
    state = filters.ChoiceFilter(choices=RecordingState.choices, label="What became of it.")

    class Meta:
        model = Recording
        fields = ("account", "call", "state")


class RecordingViewSet(mixins.DestroyModelMixin, ReadOnlyTenantViewSet):
    """Recordings. Who may listen sees them; account admins delete them."""

    queryset = Recording.objects.all()
    serializer_class = RecordingSerializer
    filterset_class = RecordingFilter
    read_permission = Permission.LISTEN
    write_permission = Permission.CHANGE_CONFIG
    http_method_names = ["get", "delete", "head"]
    ordering_choices = ("-began_at", "id")

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Delete a recording and its file."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: Recording) -> None:
        """Delete the file, then the row."""
        try:
            files.remove(instance.file)
        except OSError as error:
            raise Conflict(f"The file cannot be deleted: {error.strerror}.") from error
        listening.note_deletion(instance, self.request.user)
        instance.delete()

    @extend_schema(
        operation_id="recordings_audio",
        description="The sound: WAV, 8 kHz, 16 bits, the caller left and what the caller heard right. Parts of it by "
        "`Range`. Who listens is noted.",
        parameters=[
            OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="Such as bytes=0-8191."),
        ],
        responses={
            (200, "audio/wav"): OpenApiTypes.BINARY,
            (206, "audio/wav"): OpenApiTypes.BINARY,
            304: None,
            416: None,
        },
    )
    @action(detail=True, url_path="audio", content_negotiation_class=WhateverIsAccepted)
    def audio(self, request: Request, pk: str | None = None) -> HttpResponseBase:
        """Send the sound."""
        check_parameters(request, ())
        try:
            return listening.respond(request._request, self.get_object(), user=request.user, download=True)
        except listening.NotHere as error:
            raise NotFound(str(error)) from error
