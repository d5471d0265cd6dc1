# SPDX-License-Identifier: Apache-2.0
"""The picture of a sound, as SVG in the colour of the text around it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

HEIGHT = 40
STEP = 3


def waveform(peaks: Sequence[int], label: str) -> SafeString:
    """Return bars as high as the sound is loud.

    Args:
        peaks: 0 to 100 each.
        label: what people hear who cannot see it.
    """
    strokes = []
    for number, peak in enumerate(peaks):
        # As the ear has it: half the amplitude is far more than half as loud.
        half = max(0.5, math.sqrt(min(int(peak), 100) / 100) * HEIGHT / 2)
        strokes.append(f"M{number * STEP + 1} {HEIGHT / 2 - half:.3g}v{2 * half:.3g}")
    path = mark_safe("".join(strokes))  # noqa: S308 - numbers alone
    return format_html(
        '<svg class="prompt-wave" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path d="{}" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/></svg>',
        max(len(peaks) * STEP, 1),
        HEIGHT,
        label,
        path,
    )
