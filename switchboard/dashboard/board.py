# SPDX-License-Identifier: Apache-2.0
"""What one person is shown: pictures of all nodes joined, with a Server column, cut to the person's accounts.

Pure of HTTP and templates. Invariant: a row whose account the person does not reach is neither shown nor counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.choices import Permission
from accounts.tenancy import Access
from switchboard.dashboard.backends import PULSE, Picture, Rows

SHOWN = 100
"""Most rows of a table on the page; the counts are of all."""
STATE_TONES = {"answered": "good", "bridged": "good", "ringing": "fair", "held": "fair"}
RECORDABLE = ("PCMU", "PCMA")
"""Codecs that RTP managers write down; others they relay without reading."""
DRAIN_COUNTS = {
    "ended_count": "ended by themselves",
    "failed_count": "could not be moved",
    "waiting_playback": "waiting for a prompt to end",
    "remaining_sessions": "still here",
}
DRAIN_TONES = {"active": "good", "draining": "fair", "disabled": "plain"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The first rows of a table and how many there are."""

    rows: Rows
    total: int

    @property
    def hidden(self) -> int:
        """How many rows are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The live part of the page."""

    calls: Listing
    registrations: Listing
    dialogs: Listing
    sessions: Listing
    rtpmanagers: Listing
    backends: Rows
    bindings: int
    users: int
    platform: bool

    @property
    def is_blind(self) -> bool:
        """Whether no node could be read, so that zeros would be untrue."""
        return not any(not backend["problem"] for backend in self.backends)


def board(pictures: Sequence[Picture], access: Access, now: float) -> Board:
    """Return what a person may see at ``now`` (seconds since the epoch)."""
    reached = access.accounts_with(Permission.VIEW_LIVE)
    platform = access.may(Permission.PLATFORM)
    tables = {
        name: _join(pictures, name, reached) for name in ("calls", "registrations", "dialogs", "sessions")
    }
    registrations = tables["registrations"]
    return Board(
        calls=_listing([_call(row, access, now) for row in tables["calls"]], newest_by="since"),
        registrations=_listing([_registration(row, now) for row in registrations], newest_by="since"),
        dialogs=_listing([_timed(row, "created_at", now) for row in tables["dialogs"]], newest_by="since"),
        sessions=_listing([_timed(row, "created_at", now) for row in tables["sessions"]], newest_by="since"),
        rtpmanagers=_listing(_rtpmanagers(pictures) if platform else []),
        backends=[_backend(picture, platform) for picture in pictures],
        bindings=len(registrations),
        users=len({row.get("aor") for row in registrations}),
        platform=platform,
    )


def _join(pictures: Sequence[Picture], table: str, reached: frozenset[str] | None) -> Rows:
    return [
        {**row, "server": picture.backend.name}
        for picture in pictures
        for row in picture.rows.get(table, ())
        if reached is None or str(row.get("tenant_id")) in reached
    ]


def _listing(rows: Rows, newest_by: str = "") -> Listing:
    if newest_by:
        rows.sort(key=lambda row: float(row[newest_by] or 0), reverse=True)
    return Listing(rows=rows[:SHOWN], total=len(rows))


def _call(row: dict[str, Any], access: Access, now: float) -> dict[str, Any]:
    started, answered = moment(row.get("started_at")), moment(row.get("answered_at"))
    since = answered or started
    state = str(row.get("state") or "")
    return {
        **row,
        "since": started,
        "counting_from": since,
        "seconds": _elapsed(since, now),
        "state": state.replace("_", " "),
        "tone": STATE_TONES.get(state, "plain"),
        "may_hang_up": access.may(Permission.HANG_UP, row.get("tenant_id") or ""),
        **_recording(row, access),
    }


def _recording(row: dict[str, Any], access: Access) -> dict[str, bool]:
    """Return whether a call is being recorded, and whether it can be, for whoever may record; others see nothing."""
    may = access.may(Permission.RECORD, row.get("tenant_id") or "")
    is_recorded = row.get("recording") == "on"
    can_be = row.get("recording") == "off" and row.get("codec") in RECORDABLE
    return {
        "is_recorded": may and is_recorded,
        "may_record": may and can_be and bool(row.get("answered_at")),
    }


def _registration(row: dict[str, Any], now: float) -> dict[str, Any]:
    expires = moment(row.get("expires_at"))
    left = max(round((expires or now) - now), 0)
    return {**row, "since": moment(row.get("registered_at")), "until": expires, "left": left}


def _timed(row: dict[str, Any], name: str, now: float) -> dict[str, Any]:
    since = moment(row.get(name))
    return {**row, "since": since, "counting_from": since, "seconds": _elapsed(since, now)}


def _rtpmanagers(pictures: Sequence[Picture]) -> Rows:
    return [
        {**manager(row), "server": picture.backend.name}
        for picture in pictures
        for row in picture.rows.get(PULSE, ())
    ]


def manager(row: dict[str, Any]) -> dict[str, Any]:
    """Return an RTP manager as it is shown, with how its drain goes as ``progress``, None without one."""
    state = str(row.get("drain_state") or "active")
    told = row.get("drain")
    return {
        **row,
        "drain_state": state,
        "drain_tone": DRAIN_TONES.get(state, "plain"),
        "sessions": row.get("session_count", row.get("active_sessions")),
        "ports": row.get("available_ports"),
        "progress": progress(told) if isinstance(told, dict) else None,
    }


def progress(status: dict[str, Any]) -> dict[str, Any]:
    """Return how a drain goes, with what is done of it as a share and in words."""

    def count(name: str) -> int:
        value = status.get(name)
        return value if isinstance(value, int) else 0

    total, remaining = count("total_sessions"), count("remaining_sessions")
    parts = [f"{count('migrated_count')} of {total} media sessions moved"] if total else ["It had no session"]
    for name, words in DRAIN_COUNTS.items():
        if count(name):
            parts.append(f"{count(name)} {words}")
    errors = status.get("errors")
    return {
        "total": total,
        "done": max(total - remaining, 0),
        "mode": str(status.get("mode") or ""),
        "words": ", ".join(parts),
        "errors": [str(error) for error in errors] if isinstance(errors, list) else [],
        "is_over": status.get("state") != "draining",
    }


def _backend(picture: Picture, platform: bool) -> dict[str, Any]:
    return {
        "name": picture.backend.name,
        "url": picture.backend.url if platform else "",
        "problem": picture.problem,
        "warnings": _warnings(picture, platform),
        "calls": len(picture.rows.get("calls", ())) if platform else None,
    }


def _warnings(picture: Picture, platform: bool) -> tuple[str, ...]:
    """Return what is wrong with a node that answers; its inside concerns platform administrators alone."""
    if platform:
        return (*picture.warnings, *picture.degraded)
    return ("takes no new calls now",) if picture.warnings else ()


def moment(text: object) -> float:
    """Return an RFC 3339 time as seconds since the epoch; 0 for what is none."""
    if not isinstance(text, str):
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _elapsed(since: float, now: float) -> int:
    return max(int(now - since), 0) if since else 0
