# SPDX-License-Identifier: Apache-2.0
"""The page of one call: what happened in a sentence and on a line of time, how it sounded, which way it took."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.forms.models import model_to_dict
from django.http import HttpRequest

from accounts.models import Account
from cdrs.choices import Disposition, Quality
from cdrs.explanation import explain
from cdrs.models import CDR
from cdrs.pages import neighbours
from cdrs.presentation import TONE_OF_DISPOSITION, TONE_OF_QUALITY, instant, list_url
from cdrs.recordings import presentation as recordings
from cdrs.search import Search
from cdrs.story import tell
from cdrs.timeline import bar, events, length, parts

AROUND: Final = timedelta(minutes=5)
_MOS_RANGE: Final = (1.0, 4.5)
_SOUNDS: Final = {
    Quality.GOOD: "It sounded as a phone should.",
    Quality.FAIR: "It was easy to follow, with flaws that many people notice.",
    Quality.POOR: "Words were lost: many people would have complained.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of quality, what it means, and its tone."""

    name: str
    value: str
    meaning: str
    tone: str = "plain"


def context(request: HttpRequest, call: CDR) -> dict[str, Any]:
    """Return what the template of a call shows."""
    shown = parts(call)
    band = Quality.of(call.mos_score)
    users = neighbours.links(request, neighbours.SIP_USER, [call.caller_user_id, call.callee_user_id])
    return {
        "call": call,
        "sentence": tell(call),
        "tone": TONE_OF_DISPOSITION.get(Disposition(call.disposition), "plain"),
        "explanation": explain(call),
        "bar": bar(shown),
        "legend": [(part.kind, part.label, length(part.seconds)) for part in shown],
        "events": [(event, instant(event.time)) for event in events(call)],
        "band": band,
        "sounds": _SOUNDS.get(band, ""),
        "band_tone": TONE_OF_QUALITY[band],
        "mos_percent": _mos_percent(call),
        "figures": list(_figures(call)),
        "parties": _parties(call, users),
        "recordings": recordings.of_call(request.user, call),
        "account": Account.objects.filter(pk=call.account_id).first() if call.account_id else None,
        "route": neighbours.route_link(request, call.route_id, call.account_id),
        "simulator_url": _simulator_url(request, call, knows_caller=call.caller_user_id in users),
        "ids": [("SIP Call-ID", call.call_id), ("Record", str(call.pk))],
        "around_url": list_url(
            Search(since=call.invite_time - AROUND, until=call.invite_time + AROUND, account=_account(call))
        ),
        "raw": _raw(call),
    }


def _account(call: CDR) -> str:
    return str(call.account_id) if call.account_id else ""


def _simulator_url(request: HttpRequest, call: CDR, *, knows_caller: bool) -> str:
    """Return where somebody sees why the number leads where it leads, with every route considered."""
    if not call.account_id or not call.callee_number:
        return ""
    question = {"account": str(call.account_id), "number": call.callee_number}
    if knows_caller:
        question["caller"] = call.caller_number
    return neighbours.simulator_url(request, question)


def _mos_percent(call: CDR) -> str:
    """Return where the mean opinion score lies between its ends, in percent."""
    low, high = _MOS_RANGE
    score = low if call.mos_score is None else call.mos_score
    return f"{100 * (min(max(score, low), high) - low) / (high - low):.1f}"


def _figures(call: CDR) -> Iterator[Figure]:
    """Give the figures of the media in words; none when there was no media."""
    received, lost = call.rtp_packets_recv, call.rtp_packets_lost
    if not received and not call.rtp_packets_sent:
        return
    # Lost packets count on both legs, and each leg should have brought about as many as the caller's did.
    share = lost / max(lost + received + call.rtp_packets_sent, 1)
    tone = "good" if share < 0.01 else "fair" if share < 0.03 else "bad"
    meaning = {"good": "not to be heard", "fair": "may be heard", "bad": "words are missing"}[tone]
    yield Figure(name="Lost packets", value=f"{lost:,} ({share:.1%})", meaning=meaning, tone=tone)
    if call.rtp_jitter_ms is not None:
        tone = "good" if call.rtp_jitter_ms < 20 else "fair" if call.rtp_jitter_ms < 50 else "bad"
        meaning = {"good": "steady", "fair": "uneven", "bad": "too uneven for most phones"}[tone]
        yield Figure(name="Jitter", value=f"{call.rtp_jitter_ms:.1f} ms", meaning=meaning, tone=tone)
    silent = "nothing was heard from the caller" if not received else "from the caller"
    yield Figure(
        name="Received", value=f"{received:,} packets", meaning=silent, tone="plain" if received else "bad"
    )
    yield Figure(name="Sent", value=f"{call.rtp_packets_sent:,} packets", meaning="to the caller")


def _parties(call: CDR, users: Mapping[Any, tuple[str, str]]) -> list[dict[str, Any]]:
    sides = (
        ("From", call.caller_number, call.caller_name, call.caller_user_id, call.caller_ip),
        ("To", call.callee_number, call.callee_name, call.callee_user_id, None),
    )
    return [
        {
            "side": side,
            "number": number,
            "name": name if name != number else "",
            "user": users.get(user_id),
            "address": address,
            "calls_url": list_url(Search(text=number, exact=True, account=_account(call))) if number else "",
        }
        for side, number, name, user_id, address in sides
    ]


def _raw(call: CDR) -> str:
    """Return every column as indented JSON."""
    values = {"id": call.pk, "account_id": call.account_id, **model_to_dict(call)}
    return json.dumps(values, indent=2, ensure_ascii=False, default=str)
