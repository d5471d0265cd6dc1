# SPDX-License-Identifier: Apache-2.0
"""``{% trail parts as steps %}``: where a page stands, for the head of the theme's pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext

from switchboard.trail import Step
from switchboard.trail import trail as steps_to

register = template.Library()


@register.simple_tag(takes_context=True)
def trail(context: RequestContext, parts: list[dict[str, Any]]) -> list[Step]:
    """Return the steps to the page."""
    return steps_to(parts, context["request"])
