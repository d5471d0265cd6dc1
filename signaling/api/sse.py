# SPDX-License-Identifier: Apache-2.0
"""The event stream as server-sent events (WHATWG HTML 9.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from signaling.api.authentication import access_by
from signaling.api.base import LiveView
from signaling.api.filters import account_reached
from signaling.api.runtime import current
from signaling.api.streams import BadWish, EventStream, TooManyStreams, read_wish
from signaling.live.mirror import GAP
from signaling.live.subscription import Dropped, EventDict
from switchboard.api_errors import Unavailable
from switchboard.events import CATALOGUE

RETRY_MS = 1000
DROPPED = "stream.dropped"
"""Type of the notice that is the last thing in a stream."""
EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "description": "What to go on after; absent from notices about the stream."},
        "event": {"type": "string", "enum": [*CATALOGUE, GAP, DROPPED]},
        "data": {
            "type": "string",
            "description": "The event as JSON.",
            "contentMediaType": "application/json",
        },
    },
    "additionalProperties": False,
}
"""A server-sent event as OpenAPI describes it."""
WISHES = [
    OpenApiParameter("types", str, description="Event types, comma-separated, `*` for any text: `call.*`."),
    OpenApiParameter("account", str, description="Id or domain of an account."),
    OpenApiParameter(
        "last_event_id", str, description="The last event that the reader got; those after it come."
    ),
    OpenApiParameter(
        "Last-Event-ID", str, OpenApiParameter.HEADER, description="As last_event_id, which it wins over."
    ),
]


class EventsView(LiveView):
    """Live events."""

    # No HEAD: it would hold a stream whose content nobody gets.
    http_method_names = ["get", "options"]

    @extend_schema(
        operation_id="events",
        parameters=WISHES,
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                EVENT, description="Server-sent events without end; the schema is that of each of them."
            )
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Stream what happens, from now on or from an event that was the last one seen."""
        runtime = current()
        if len(runtime.streams) >= runtime.max_streams:
            raise Unavailable("This node serves as many event streams as it may.")
        try:
            wish = read_wish(
                request.query_params,
                request.headers.get("Last-Event-ID", ""),
                lambda account: account_reached(self.tenants(), account),
            )
        except BadWish as error:
            raise exceptions.ValidationError({error.parameter: error.problem}) from error
        authorization = request.headers.get("Authorization", "")
        stream = EventStream(runtime, wish, lambda: access_by(authorization))
        response = StreamingHttpResponse(lines(stream), content_type="text/event-stream")
        response["Cache-Control"] = "no-store"
        response["X-Accel-Buffering"] = "no"
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Whatever a reader accepts, it gets the stream; JSON is for errors."""
        return JSONRenderer(), JSONRenderer.media_type


async def lines(stream: EventStream) -> AsyncGenerator[bytes, None]:
    """Yield what is sent to a reader; the last thing says why it ended."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        async for event in stream.events():
            yield b": still here\n\n" if event is None else message(event)
    except Dropped as dropped:
        yield message({"event_type": DROPPED, "event_id": "", "reason": str(dropped)})
    except TooManyStreams:
        reason = "This node serves as many event streams as it may."
        yield message({"event_type": DROPPED, "event_id": "", "reason": reason})


def message(event: EventDict | dict[str, Any]) -> bytes:
    """Return one event as text of the stream; notices about the stream itself have no id to resume from."""
    head = f"id: {event['event_id']}\n" if event["event_id"] else ""
    return f"{head}event: {event['event_type']}\ndata: {json.dumps(event)}\n\n".encode()
