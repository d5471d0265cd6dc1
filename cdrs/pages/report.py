# SPDX-License-Identifier: Apache-2.0
"""The report of some days: how many calls, how many answered, how long, how good, and why the others failed.

Every figure leads to the list of the calls that it counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest
from django.utils.timezone import localdate

from cdrs.aggregate import midnight, of_accounts, peaks, started_in
from cdrs.choices import Disposition, Quality
from cdrs.drawing import Bar, bars, heat_step
from cdrs.figures import HOURS, Figures
from cdrs.forms import ANY, FIRST_DAY, LAST_DAY, WEEKDAYS
from cdrs.models import CDR
from cdrs.pages.reader import Reader
from cdrs.presentation import TONE_OF_DISPOSITION, TONE_OF_QUALITY, list_url, with_query
from cdrs.reasons import in_words
from cdrs.rollup import figures_of
from cdrs.search import Search
from cdrs.story import clock
from cdrs.timeline import length

MAX_DAYS: Final = 366
DEFAULT_DAYS: Final = 7
PERIODS: Final = (("Today", 1), ("7 days", 7), ("30 days", 30), ("90 days", 90), ("Year", 365))
PEAK_OF_TODAY_UP_TO: Final = 20_000
"""Most calls of today that are read for the most calls at once."""
FIRST_FAILURE: Final = 300
"""The lowest SIP status of a call that was not answered."""
_ORDINARY_ENDS: Final = frozenset({"normal", "transfer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure with what it means."""

    name: str
    value: str
    note: str
    url: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One line of a list of shares."""

    name: str
    calls: int
    percent: str
    url: str
    tone: str = "plain"


class DaysForm(forms.Form):
    """The days of the report, and the account."""

    account = forms.ChoiceField(choices=[ANY], required=False, label="Account")

    def __init__(self, *args: Any, accounts: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for name, label in (("from", "From"), ("to", "To")):
            picker = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            limits = [MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
            self.fields[name] = forms.DateField(label=label, required=False, widget=picker, validators=limits)
        self.fields["account"].choices = [("", "All"), *accounts]  # type: ignore[attr-defined]
        self.order_fields(["from", "to", "account"])

    def days(self) -> tuple[date, date]:
        """Return the first and the last day: valid ones, the last seven in place of others."""
        given = self.cleaned_data
        last = given.get("to") or max(localdate(), given.get("from") or date.min)
        first = given.get("from") or last - timedelta(days=DEFAULT_DAYS - 1)
        first, last = min(first, last), max(first, last)
        return max(first, last - timedelta(days=MAX_DAYS - 1)), last


def context(request: HttpRequest, reader: Reader) -> dict[str, Any]:
    """Return what the template of the report shows."""
    form = DaysForm(request.GET, accounts=reader.choices(request.GET.get("account", "")))
    form.is_valid()
    first, last = form.days()
    account = form.cleaned_data.get("account") or ""
    accounts = frozenset({account}) if account else reader.accounts
    found = figures_of(first, last, accounts)
    total = Figures()
    for figures in found.values():
        total.add(figures)
    if accounts is None or len(accounts) == 1:
        total.peak = max(total.peak, _peak_of_today(last, found, accounts))
    else:
        total.peak = 0
    search = Search(since=midnight(first), until=midnight(last + timedelta(days=1)), account=account)
    return {
        "form": form,
        "shown": {"from": f"{first}", "to": f"{last}"},
        "several_accounts": reader.has_several,
        "periods": list(_periods(first, last, account)),
        "total": total,
        "cards": list(_cards(total, search)),
        "chart": _chart(found, first, last, search),
        "is_one_day": first == last,
        "heat": _heat(found, search),
        "hours": [f"{hour:02}" if hour % 6 == 0 else "" for hour in range(HOURS)],
        "causes": list(_causes(total, search)),
        "results": list(_results(total, search)),
        "qualities": list(_qualities(total, search)),
        "list_url": list_url(search),
    }


def _periods(first: date, last: date, account: str) -> Iterator[dict[str, Any]]:
    today = localdate()
    for name, days in PERIODS:
        begin = today - timedelta(days=days - 1)
        params = {"from": f"{begin}", "to": f"{today}", **({"account": account} if account else {})}
        yield {
            "name": name,
            "url": with_query("admin:cdrs_cdr_report", params),
            "chosen": (first, last) == (begin, today),
        }


def _cards(total: Figures, search: Search) -> Iterator[Card]:
    answered = list_url(search.but(disposition=Disposition.ANSWERED))
    yield Card(name="Calls", value=f"{total.calls:,}", note=_peak(total), url=list_url(search))
    yield Card(
        name="Answered",
        value=_or_dash(total.answer_seizure_ratio, "{:.1%}"),
        note=f"{total.answered:,} calls",
        url=answered,
        title="Answer-seizure ratio (ASR): answered calls of all calls",
    )
    yield Card(
        name="Average talk",
        value="–" if total.average_duration_s is None else clock(total.average_duration_s),
        note=f"{clock(total.talk_s)} in all",
        url=answered,
        title="Average call duration (ACD), from answer to end, of the answered calls",
    )
    yield Card(
        name="Post-dial delay",
        value="–" if total.average_delay_s is None else _delay(total.average_delay_s),
        note="until it rings",
        url=list_url(search),
        title="Mean time from the dialled number to the first ringing",
    )
    yield Card(
        name="Quality",
        value=_or_dash(total.average_mos, "MOS {:.2f}"),
        note=f"{total.by_quality[Quality.POOR]:,} poor calls",
        url=list_url(search.but(quality=Quality.POOR)),
        title="Mean of the estimated mean opinion scores, 1 to 4.5",
    )


def _peak(total: Figures) -> str:
    return f"at most {total.peak:,} at once" if total.peak else ""


def _delay(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else length(seconds)


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _peak_of_today(last: date, found: dict[date, Figures], accounts: frozenset[str] | None) -> int:
    """Return the most calls at once today, which no roll-up knows yet; 0 when too many would have to be read."""
    today = localdate()
    if last < today or today not in found or found[today].calls > PEAK_OF_TODAY_UP_TO:
        return 0
    calls = of_accounts(CDR.objects.all(), accounts)
    return peaks(started_in(calls, today, today), today, today).get(None, 0)


def _chart(found: dict[date, Figures], first: date, last: date, search: Search) -> str:
    """Return the calls of each day, or of each hour when there is one day."""
    if first == last:
        counts = found.get(first, Figures()).by_hour
        hours = [
            Bar(
                label=f"{hour:02}:00",
                part=0,
                whole=calls,
                title=f"{hour:02}:00–{hour:02}:59: {calls:,} calls",
                url=list_url(search.but(hour=hour)),
            )
            for hour, calls in enumerate(counts)
        ]
        return bars(hours, label="Calls by hour")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return bars([_day(day, found.get(day, Figures()), search) for day in days], label="Calls by day")


def _day(day: date, figures: Figures, search: Search) -> Bar:
    wanted = search.but(since=midnight(day), until=midnight(day + timedelta(days=1)))
    return Bar(
        label=f"{day:%-d %b}",
        part=figures.answered,
        whole=figures.calls,
        title=f"{day:%a} {day}: {figures.calls:,} calls, {figures.answered:,} answered",
        url=list_url(wanted),
    )


def _heat(found: dict[date, Figures], search: Search) -> list[dict[str, Any]]:
    """Return the calls of each weekday and hour as rows of cells with their steps of colour."""
    rows = [[0] * HOURS for _ in WEEKDAYS]
    for day, figures in found.items():
        rows[day.weekday()] = [a + b for a, b in zip(rows[day.weekday()], figures.by_hour, strict=True)]
    most = max(max(row) for row in rows)
    return [
        {
            "day": WEEKDAYS[weekday],
            "cells": [
                {
                    "step": heat_step(calls, most),
                    "title": f"{WEEKDAYS[weekday]} {hour:02}:00–{hour:02}:59: {calls:,} calls",
                    "url": list_url(search.but(weekday=weekday, hour=hour)) if calls else "",
                }
                for hour, calls in enumerate(row)
            ],
        }
        for weekday, row in enumerate(rows)
    ]


def _causes(total: Figures, search: Search) -> Iterator[Share]:
    failures = Counter(
        {reason: calls for reason, calls in total.reasons.items() if reason[0] not in _ORDINARY_ENDS}
    )
    for (cause, status), calls in failures.most_common():
        words = in_words(cause, status)
        name = f"{words[:1].upper()}{words[1:]}"
        if status is not None and status >= FIRST_FAILURE:
            name = f"{name} (SIP {status})"
        yield _share(name, calls, total.calls, list_url(search.but(cause=cause, status=status or 0)), "bad")


def _results(total: Figures, search: Search) -> Iterator[Share]:
    for disposition in Disposition:
        if calls := total.by_disposition[disposition]:
            url = list_url(search.but(disposition=disposition))
            yield _share(disposition.label, calls, total.calls, url, TONE_OF_DISPOSITION[disposition])


def _qualities(total: Figures, search: Search) -> Iterator[Share]:
    for band in Quality:
        if calls := total.by_quality[band]:
            url = list_url(search.but(quality=band))
            yield _share(band.label, calls, total.calls, url, TONE_OF_QUALITY[band])


def _share(name: str, calls: int, of: int, url: str, tone: str) -> Share:
    return Share(name=str(name), calls=calls, percent=f"{100 * calls / max(of, 1):.1f}", url=url, tone=tone)
