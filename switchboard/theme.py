# SPDX-License-Identifier: Apache-2.0
"""What is added to every page of the admin's theme."""

from django.http import HttpRequest
from django.templatetags.static import static


def noscript_style(request: HttpRequest) -> str:
    """Return the style sheet that shows the pages where scripts are off."""
    return static("switchboard/noscript.css")


def page_style(request: HttpRequest) -> str:
    """Return the style sheet of what every page has."""
    return static("switchboard/pages.css")


def icon(request: HttpRequest) -> str:
    """Return the picture that browsers show on the tab: they ask for one that is not there otherwise."""
    return static("switchboard/icon.svg")
