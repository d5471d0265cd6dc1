# SPDX-License-Identifier: Apache-2.0
"""``/api/schema``: the OpenAPI description of the ui role's REST API, as ``make docs`` wrote it.

It is the same for everybody until the code changes. To put it together again for each caller would take a second, some
MiB of a role that has few, and a dozen child processes in which Django looks for a library of maps.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

DESCRIPTION: Final = settings.BASE_DIR / "docs" / "openapi-ui.json"


class SchemaView(APIView):
    """The OpenAPI description."""

    permission_classes = (IsAuthenticated,)
    # For their media types, of which the first is for who accepts anything.
    renderer_classes = (OpenApiJsonRenderer2, OpenApiJsonRenderer)

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the file."""
        return HttpResponse(DESCRIPTION.read_bytes(), content_type=str(request.accepted_renderer.media_type))
