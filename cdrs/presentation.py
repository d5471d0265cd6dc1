# SPDX-License-Identifier: Apache-2.0
"""What is shown of calls: words, tones of colour and links. Asks the database nothing.

A tone is ``good``, ``fair``, ``bad`` or ``plain``; the style sheet makes colours of it, in the light and in the dark.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.timezone import localtime

from cdrs.choices import Disposition, Quality
from cdrs.models import CDR
from cdrs.reasons import in_short
from cdrs.search import Search
from cdrs.story import clock

TONE_OF_DISPOSITION: Final = {
    Disposition.ANSWERED: "good",
    Disposition.NO_ANSWER: "fair",
    Disposition.BUSY: "fair",
    Disposition.CANCELED: "plain",
    Disposition.FAILED: "bad",
}
TONE_OF_QUALITY: Final = {
    Quality.GOOD: "good",
    Quality.FAIR: "fair",
    Quality.POOR: "bad",
    Quality.UNKNOWN: "plain",
}
LIST_URL: Final = "admin:cdrs_cdr_changelist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the list."""

    url: str
    day: str
    time: str
    caller: str
    caller_name: str
    callee: str
    callee_name: str
    result: str
    result_tone: str
    cause: str
    talked: str
    quality: str
    quality_tone: str
    account: str
    node: str


def row(call: CDR, accounts: Mapping[uuid.UUID, str]) -> Row:
    """Return the line of a call; ``accounts`` are the names to show by id."""
    started = localtime(call.invite_time)
    band = Quality.of(call.mos_score)
    return Row(
        url=call_url(call),
        day=f"{started:%Y-%m-%d}",
        time=f"{started:%H:%M:%S}",
        caller=call.caller_number or call.caller_name or "–",
        caller_name=_other_than(call.caller_name, call.caller_number),
        callee=call.callee_number or call.callee_name or "–",
        callee_name=_other_than(call.callee_name, call.callee_number),
        result=str(call.get_disposition_display()),
        result_tone=TONE_OF_DISPOSITION.get(Disposition(call.disposition), "plain"),
        cause=cause(call),
        talked=clock(call.duration_seconds) if call.answer_time else "",
        quality="" if call.mos_score is None else f"{band.label} {call.mos_score:.1f}",
        quality_tone=TONE_OF_QUALITY[band],
        account=account_name(call, accounts),
        node=call.signaling_server,
    )


def account_name(call: CDR, accounts: Mapping[uuid.UUID, str]) -> str:
    """Return the name of a call's account, or what is known of one that is gone."""
    if call.account_id is None:
        return "–"
    return accounts.get(call.account_id, "deleted account")


def cause(call: CDR) -> str:
    """Return the end reason, with the SIP status of a call that was not answered; nothing when it says nothing new."""
    words = in_short(call)
    if call.answer_time:
        return "" if call.hangup_cause == "normal" else words
    same = words == str(call.get_disposition_display()).lower()
    status = f"SIP {call.sip_status}" if call.sip_status else ""
    return status if same else f"{words} ({status})" if status else words


def call_url(call: CDR) -> str:
    """Return where the page of a call is."""
    return reverse("admin:cdrs_cdr_change", args=[call.pk])


def list_url(search: Search, **more: str) -> str:
    """Return where the calls that meet a search are listed."""
    return with_query(LIST_URL, {**search.params(), **more})


def with_query(name: str, params: Mapping[str, str]) -> str:
    """Return the URL of a page with parameters."""
    return f"{reverse(name)}?{urlencode(params)}" if params else reverse(name)


def instant(time: datetime | None) -> str:
    """Return a time to the millisecond, as traces and logs show it."""
    return "" if time is None else f"{localtime(time):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _other_than(name: str, number: str) -> str:
    return name if number and name != number else ""
