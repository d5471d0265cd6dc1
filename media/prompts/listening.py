# SPDX-License-Identifier: Apache-2.0
"""Sends a prompt's sound to who may listen to it, whole or in part (RFC 9110 section 14).

Who may is asked before. Invariant: one piece of the sound is in memory at a time.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from media.models import Prompt
from media.prompts import blobs

CONTENT_TYPE = "audio/wav"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class NoSuchRange(ValueError):
    """The part that is asked for begins behind the end."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last of a part; None: the whole is to be sent.

    Raises:
        NoSuchRange: there is nothing at that place.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        last = int(match[2])
        if not last:
            raise NoSuchRange
        return max(size - last, 0), size
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise NoSuchRange
    return start, end


def respond(request: HttpRequest, prompt: Prompt) -> HttpResponseBase:
    """Return the sound as a response.

    Raises:
        Http404: the prompt has none yet.
    """
    if not prompt.playable:
        raise Http404("This prompt has no sound yet.")
    tag = f'"{prompt.sha256}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers=headers)
    asked = request.headers.get("Range", "")
    if request.headers.get("If-Range", tag) != tag:
        asked = ""
    try:
        part = parse_range(asked, prompt.size)
    except NoSuchRange:
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{prompt.size}"})
    start, end = part or (0, prompt.size)
    headers["Content-Length"] = str(end - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{prompt.size}"
    pieces = blobs.read(blobs.sound_key(prompt.sha256), start, end)
    # Django would read the whole of the other kind into memory first.
    content: Any = _later(pieces) if isinstance(request, ASGIRequest) else pieces
    # A name of its own, without what the person called it: that needs no quoting.
    headers["Content-Disposition"] = f'inline; filename="prompt-{prompt.pk}.wav"'
    return StreamingHttpResponse(
        content, status=206 if part else 200, content_type=CONTENT_TYPE, headers=headers
    )


async def _later(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    take = sync_to_async(lambda: next(pieces, None))
    while (piece := await take()) is not None:
        yield piece
