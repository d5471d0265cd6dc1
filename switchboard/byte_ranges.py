# SPDX-License-Identifier: Apache-2.0
"""Sends a file, whole or in part (RFC 9110 section 14), from either kind of server.

Knows no models. Invariant: one piece of the file is in memory at a time.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

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


def respond(
    request: HttpRequest,
    read: Callable[[int, int], Iterator[bytes]],
    *,
    size: int,
    tag: str,
    content_type: str,
    disposition: str,
) -> HttpResponseBase:
    """Return what a request asks for of a file.

    Args:
        request: may ask for a part, or for what has changed.
        read: gives the pieces from a first byte to before another one.
        size: of the file, in bytes.
        tag: entity tag, quoted.
        content_type: of the file.
        disposition: the value of ``Content-Disposition``.
    """
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers=headers)
    asked = request.headers.get("Range", "")
    if request.headers.get("If-Range", tag) != tag:
        asked = ""
    try:
        part = parse_range(asked, size)
    except NoSuchRange:
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    headers["Content-Disposition"] = disposition
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    pieces = read(start, end)
    # Django would read the whole of the other kind into memory first.
    content: Any = _later(pieces) if isinstance(request, ASGIRequest) else pieces
    return StreamingHttpResponse(
        content, status=206 if part else 200, content_type=content_type, headers=headers
    )


async def _later(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    take = sync_to_async(lambda: next(pieces, None))
    while (piece := await take()) is not None:
        yield piece
