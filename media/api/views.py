# SPDX-License-Identifier: Apache-2.0
"""REST of prompts: upload, list, rename, replace, delete, listen."""

from __future__ import annotations

from typing import Any

from django.db.models import ProtectedError
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from media.api.filters import PromptFilter
from media.api.parsers import UploadParser
from media.api.serializers import NewPromptSerializer, PromptSerializer
from media.models import Prompt
from media.prompts import listening, usage
from switchboard.api_errors import Conflict
from switchboard.api_filters import check_parameters
from switchboard.api_negotiation import WhateverIsAccepted
from switchboard.api_parsers import LimitedJSONParser
from switchboard.api_views import TenantViewSet


class PromptViewSet(TenantViewSet):
    """Prompts: sounds that routes play by name. Those of every account are changed by platform admins alone."""

    queryset = Prompt.objects.all()
    serializer_class = PromptSerializer
    filterset_class = PromptFilter
    parser_classes = (UploadParser, LimitedJSONParser)
    shared_rows = True
    ordering_choices = ("name", "id", "created_at", "updated_at", "duration_ms")

    def get_parsers(self) -> list[Any]:
        """Return what reads the request: a new prompt comes with a file, and so as a form."""
        # Asked for a request before its action is known, and for the description without a request.
        makes = getattr(self.request, "method", "") == "POST" or getattr(self, "action", "") == "create"
        return [UploadParser()] if makes else super().get_parsers()

    @extend_schema(request=NewPromptSerializer, responses={201: PromptSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a sound in; it plays when it is converted."""
        return super().create(request, *args, **kwargs)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the serializer, which is told at once which routes play the prompts that it shows."""
        rows = args[0] if args else kwargs.get("instance")
        shown = [] if rows is None else list(rows) if kwargs.get("many") else [rows]
        context = kwargs.pop("context", None) or self.get_serializer_context()
        return self.serializer_class(*args, context={**context, "playing": usage.playing(shown)}, **kwargs)

    def perform_destroy(self, instance: Prompt) -> None:
        """Delete it, unless a route plays it."""
        try:
            instance.delete()
        except ProtectedError as error:
            raise Conflict(str(error.args[0])) from error

    @extend_schema(
        operation_id="prompts_audio",
        description="The sound as it is played: WAV, 8 kHz, mono, 16 bits. Parts of it by `Range`.",
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
        return listening.respond(request._request, self.get_object())
