# SPDX-License-Identifier: Apache-2.0
"""``/api/schema``: the description of the live API, for who shows a token."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from signaling.api.base import LiveView
from signaling.api.schema import SCHEMA_SETTINGS


class SchemaView(SpectacularAPIView):
    """The OpenAPI description."""

    authentication_classes: Any = LiveView.authentication_classes
    permission_classes: Any = (IsAuthenticated,)
    custom_settings = SCHEMA_SETTINGS

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return it as YAML or JSON, as the caller accepts."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return response
