# SPDX-License-Identifier: Apache-2.0
"""A call on a line of time: what happened when, and a bar of it as SVG, drawn on the server.

Pure but for the markup. Invariant: the parts of the bar fill it exactly, each is wide enough to be seen, and otherwise
they are as wide as they are long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from cdrs.models import CDR
from cdrs.story import clock, ending

LEAST_PERCENT: Final = 5.0
HEIGHT: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a call."""

    name: str
    time: datetime
    offset: str
    """Time since the start of the call: "+4.2 s", "+1:07"."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the call between two events."""

    kind: str
    """``wait``, ``ring`` or ``talk``."""
    label: str
    seconds: float


def events(call: CDR) -> list[Event]:
    """Return what happened, in the order of time."""
    happened: list[tuple[str, datetime | None, str]] = [
        ("Received", call.invite_time, f"from {call.caller_ip}" if call.caller_ip else ""),
        ("Ringing", call.ring_time, f"on {call.callee_number}" if call.callee_number else ""),
        ("Answered", call.answer_time, ", ".join(filter(None, (call.codec, _encrypted(call))))),
        *(("Picked up", time, "signaling was started anew") for time in _picked_up(call)),
        ("Ended", call.end_time, ending(call)),
    ]
    return [
        Event(name=name, time=time, offset=offset((time - call.invite_time).total_seconds()), note=note)
        for name, time, note in happened
        if time is not None
    ]


def _encrypted(call: CDR) -> str:
    """Return which legs were encrypted and how, nothing when none was."""
    legs = call.metadata.get("srtp")
    if not isinstance(legs, dict):
        return ""
    suites = {leg: srtp.get("suite") for leg, srtp in sorted(legs.items()) if isinstance(srtp, dict)}
    names = {"A": "caller", "B": "called"}
    return ", ".join(f"SRTP {names.get(leg, leg)} ({suite})" for leg, suite in suites.items() if suite)


def _picked_up(call: CDR) -> Iterator[datetime]:
    """Yield when a later signaling process went on with the call."""
    times = call.metadata.get("picked_up")
    for time in times if isinstance(times, list) else ():
        if (
            isinstance(time, int | float)
            and call.invite_time.timestamp() <= time <= call.end_time.timestamp()
        ):
            yield datetime.fromtimestamp(time, UTC)


def parts(call: CDR) -> list[Part]:
    """Return the parts of a call that took any time."""
    return [part for part in _parts(call) if part.seconds > 0]


def _parts(call: CDR) -> Iterator[Part]:
    first = call.ring_time or call.answer_time or call.end_time
    yield Part(kind="wait", label="Setting up", seconds=(first - call.invite_time).total_seconds())
    if call.ring_time:
        until = call.answer_time or call.end_time
        yield Part(kind="ring", label="Ringing", seconds=(until - call.ring_time).total_seconds())
    if call.answer_time:
        talked_s = (call.end_time - call.answer_time).total_seconds()
        yield Part(kind="talk", label="Talking", seconds=talked_s)


def bar(shown: Sequence[Part]) -> SafeString:
    """Return the parts as a bar that takes the width that it is given."""
    rects = []
    left = 0.0
    for part, width in zip(shown, widths([part.seconds for part in shown]), strict=True):
        title = f"{part.label}: {length(part.seconds)}"
        rects.append((f"{left:.3f}", f"{width:.3f}", HEIGHT, part.kind, title))
        left += width
    drawn = format_html_join(
        "",
        '<rect x="{}%" width="{}%" y="0" height="{}" class="time-{}"><title>{}</title></rect>',
        rects,
    )
    label = ", ".join(f"{part.label} {length(part.seconds)}" for part in shown) or "No time passed"
    return format_html(
        '<svg class="calls-time" width="100%" height="{}" role="img" aria-label="{}">{}</svg>',
        HEIGHT,
        label,
        drawn,
    )


def widths(seconds: Sequence[float]) -> list[float]:
    """Return the width of each part in percent: by its length, but none too narrow to be seen."""
    total = sum(seconds)
    if not total:
        return [100 / len(seconds)] * len(seconds) if seconds else []
    narrow = [value / total * 100 < LEAST_PERCENT for value in seconds]
    long_s = sum(value for value, is_narrow in zip(seconds, narrow, strict=True) if not is_narrow)
    left = 100 - LEAST_PERCENT * sum(narrow)
    return [
        LEAST_PERCENT if is_narrow else value / long_s * left
        for value, is_narrow in zip(seconds, narrow, strict=True)
    ]


def offset(seconds: float) -> str:
    """Return a time since the start as "+4.2 s", or "+1:07" from a minute on."""
    return f"+{length(seconds)}"


def length(seconds: float) -> str:
    """Return a duration as "4.2 s", or "1:07" from a minute on."""
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)
