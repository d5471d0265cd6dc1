# SPDX-License-Identifier: Apache-2.0
"""Charts as SVG, drawn on the server: they print, they need no script, and each bar is a link.

Knows no calls. Positions are in percent, so that a chart takes the width that it is given without distorting its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

PLOT_HEIGHT: Final = 150
LABEL_HEIGHT: Final = 22
AXIS_PERCENT: Final = 8.0
"""Room for the scale, left of the bars."""
MAX_LABELS: Final = 7
GAP: Final = 0.16
"""Part of a bar's place that stays free."""
HEAT_STEPS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: a part in front of a whole, both linked."""

    label: str
    part: int
    whole: int
    title: str
    url: str


def bars(shown: Sequence[Bar], *, label: str) -> SafeString:
    """Return bars side by side with a scale, at most seven of them labelled."""
    top = _round_up(max((bar.whole for bar in shown), default=0))
    height = PLOT_HEIGHT + LABEL_HEIGHT
    drawn = [_grid(top), *(_bar(number, bar, len(shown), top) for number, bar in enumerate(shown))]
    return format_html(
        '<svg class="calls-chart" width="100%" height="{}" role="group" aria-label="{}">{}</svg>',
        height,
        label,
        _join(drawn),
    )


def heat_step(value: int, most: int) -> int:
    """Return which of the steps of colour a value gets: 0 for nothing, `HEAT_STEPS` for the most."""
    return -(-value * HEAT_STEPS // most) if most else 0


def _bar(number: int, bar: Bar, count: int, top: int) -> SafeString:
    place = (100 - AXIS_PERCENT) / count
    left, width = AXIS_PERCENT + number * place + place * GAP / 2, place * (1 - GAP)
    rects = format_html_join(
        "",
        '<rect class="{}" x="{}%" width="{}%" y="{}" height="{}"/>',
        [
            (kind, f"{left:.3f}", f"{width:.3f}", f"{PLOT_HEIGHT - high:.1f}", f"{high:.1f}")
            for kind, high in (
                ("chart-whole", PLOT_HEIGHT * bar.whole / top),
                ("chart-part", PLOT_HEIGHT * bar.part / top),
            )
        ],
    )
    every = -(-count // MAX_LABELS)
    text = _label(bar.label, left + width / 2) if number % every == 0 else SafeString("")
    # The whole column is the link: a low bar would be hard to hit.
    hit = format_html(
        '<rect class="chart-hit" x="{}%" width="{}%" y="0" height="{}"/>',
        f"{left - place * GAP / 2:.3f}",
        f"{place:.3f}",
        PLOT_HEIGHT,
    )
    return format_html('<a href="{}"><title>{}</title>{}{}</a>{}', bar.url, bar.title, hit, rects, text)


def _label(text: str, middle: float) -> SafeString:
    anchor = "end" if middle > 95 else "middle"
    at = min(middle, 99.5)
    return format_html(
        '<text x="{}%" y="{}" text-anchor="{}">{}</text>', f"{at:.3f}", PLOT_HEIGHT + 16, anchor, text
    )


def _grid(top: int) -> SafeString:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = PLOT_HEIGHT * (1 - share)
        value = f"{round(top * share):,}"
        lines.append(
            (f"{AXIS_PERCENT}", f"{y:.1f}", f"{y:.1f}", f"{AXIS_PERCENT - 1}", f"{max(y, 10):.1f}", value)
        )
    return format_html_join(
        "",
        '<line class="chart-line" x1="{}%" x2="100%" y1="{}" y2="{}"/><text x="{}%" y="{}" text-anchor="end">{}</text>',
        lines,
    )


def _round_up(value: int) -> int:
    """Return the next number that a scale may end at: an even one with one or two digits that count."""
    if value <= 2:
        return 2
    step = int(10 ** max(len(str(value)) - 2, 0))
    rounded = -(-value // step) * step
    return rounded + rounded % 2


def _join(parts: Sequence[SafeString]) -> SafeString:
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped already
