# SPDX-License-Identifier: Apache-2.0
"""``{% dashboard as parts %}``: the parts of the dashboard for whoever asks for the page, under any admin theme."""

from __future__ import annotations

import time
from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils.safestring import SafeString, mark_safe

from accounts.choices import Permission
from accounts.tenancy import access_of
from cdrs.story import clock as clock_of
from switchboard.dashboard.backends import configured, read_all
from switchboard.dashboard.fragments import fragments

register = template.Library()


@register.simple_tag(takes_context=True)
def dashboard(context: RequestContext) -> dict[str, Any] | None:
    """Return part → HTML, and the time as ``now``; None for who may see nothing live."""
    access = access_of(context["request"].user)
    if not access.may(Permission.VIEW_LIVE):
        return None
    parts = fragments(read_all(configured()), access, ticking=False)
    safe: dict[str, SafeString] = {name: mark_safe(html) for name, html in parts.items()}  # noqa: S308 - rendered by templates that escape
    return {**safe, "now": f"{time.time():.3f}"}


@register.filter
def clock(seconds: float | None) -> str:
    """Return a duration as m:ss or h:mm:ss."""
    return clock_of(seconds or 0)


@register.filter
def seconds(value: float) -> str:
    """Return a number of seconds for scripts, whatever the language writes for a decimal point."""
    return f"{value:.3f}"
