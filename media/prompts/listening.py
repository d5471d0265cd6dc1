# SPDX-License-Identifier: Apache-2.0
"""Sends a prompt's sound to who may listen to it. Who may is asked before."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponseBase

from media.models import Prompt
from media.prompts import blobs
from switchboard import byte_ranges

CONTENT_TYPE = "audio/wav"


def respond(request: HttpRequest, prompt: Prompt) -> HttpResponseBase:
    """Return the sound as a response.

    Raises:
        Http404: the prompt has none yet.
    """
    if not prompt.playable:
        raise Http404("This prompt has no sound yet.")
    key = blobs.sound_key(prompt.sha256)
    return byte_ranges.respond(
        request,
        lambda start, end: blobs.read(key, start, end),
        size=prompt.size,
        tag=f'"{prompt.sha256}"',
        content_type=CONTENT_TYPE,
        # A name of its own, without what the person called it: that needs no quoting.
        disposition=f'inline; filename="prompt-{prompt.pk}.wav"',
    )
