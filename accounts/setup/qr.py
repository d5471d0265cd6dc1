# SPDX-License-Identifier: Apache-2.0
"""QR codes as SVG, drawn here: no picture of a password is fetched from or known to anybody else."""

from __future__ import annotations

from django.utils.safestring import SafeString, mark_safe


def qr_svg(text: str, title: str) -> SafeString:
    """Return a QR code that scales with its box, dark on white under any theme.

    Args:
        text: up to about 2,000 characters.
        title: says what it is to who does not see it.
    """
    # Only where a code is drawn: it takes two megabytes.
    import segno

    code = segno.make(text, error="m", micro=False)
    drawing = code.svg_inline(border=4, dark="#000", light="#fff", title=title, omitsize=True, svgclass="qr")
    return mark_safe(drawing)  # noqa: S308 - segno escapes the title; all else is made of numbers
