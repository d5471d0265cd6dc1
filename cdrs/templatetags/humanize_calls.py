# SPDX-License-Identifier: Apache-2.0
"""Filters of the pages of calls."""

from django import template

register = template.Library()


@register.filter
def thousands(value: int) -> str:
    """Return a whole number with its thousands apart: 1,234,567."""
    return f"{value:,}"
