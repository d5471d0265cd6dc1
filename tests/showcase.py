# SPDX-License-Identifier: Apache-2.0
"""An installation for pictures, with people and calls made up: ``python -m tests.showcase`` fills its database.

The same seed every time, so that a picture changes with the pages alone.
"""

from __future__ import annotations

import json
import os
import random
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import django

PEOPLE = {"1001": "Alice", "1002": "Bob", "1003": "Carol", "1004": "Dave"}
CALLS = 220
OUTCOMES: tuple[tuple[int, str, str, int], ...] = (
    (78, "ANSWERED", "normal", 200),
    (8, "NO_ANSWER", "no_answer", 480),
    (6, "BUSY", "busy", 486),
    (5, "CANCELED", "canceled", 487),
    (2, "FAILED", "unavailable", 480),
    (1, "FAILED", "media_error", 488),
)
"""Weight, disposition, cause, SIP status."""


def live_rows(account_id: str, user_ids: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is alive in the pictures, as a signaling node tells it; users by extension."""
    return {
        "calls": [
            _call(account_id, "1001", "1002", "bridged", talked_s=63),
            _call(account_id, "1003", "600", "answered", talked_s=17),
            _call(account_id, "1004", "1001", "ringing", talked_s=None),
        ],
        "registrations": [
            _registration(account_id, user_ids[number], number, 1 + place)
            for place, number in enumerate(PEOPLE)
        ],
        "dialogs": [
            _dialog(account_id, "1001", "1002", "inbound", "Confirmed", 67),
            _dialog(account_id, "1001", "1002", "outbound", "Confirmed", 67),
            _dialog(account_id, "1003", "600", "inbound", "Confirmed", 18),
            _dialog(account_id, "1004", "1001", "inbound", "Early", 5),
        ],
        "sessions": [_session(account_id, number) for number in range(3)],
        "rtpmanagers": [
            _rtpmanager("rtp-1", "192.0.2.21:9090", sessions=3, ports=48),
            _rtpmanager("rtp-2", "192.0.2.22:9090", sessions=1, ports=50, drain_state="draining"),
        ],
    }


def drains() -> dict[str, dict[str, Any]]:
    """Return how the drains in the pictures go, by RTP manager."""
    return {
        "rtp-2": {
            "node_id": "rtp-2",
            "state": "draining",
            "mode": "graceful",
            "total_sessions": 12,
            "migrated_count": 9,
            "failed_count": 1,
            "ended_count": 2,
            "waiting_playback": 0,
            "remaining_sessions": 1,
            "errors": ["3c26a1-2b@192.0.2.3: leg B refused: 488 Not Acceptable Here"],
            "elapsed_seconds": 4.2,
        }
    }


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def _call(account_id: str, caller: str, callee: str, state: str, *, talked_s: float | None) -> dict[str, Any]:
    return {
        "call_uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, caller)),
        "call_id": f"{caller}-call",
        "tenant_id": account_id,
        "state": state,
        "caller_number": caller,
        "caller_name": PEOPLE[caller],
        "callee_number": callee,
        "callee_name": PEOPLE.get(callee, "Echo test"),
        "started_at": _ago((talked_s or 0) + 4),
        "answered_at": None if talked_s is None else _ago(talked_s),
        "codec": "" if talked_s is None else "PCMU",
        "recording": "on" if state == "bridged" else "off",
    }


def _registration(account_id: str, user_id: str, number: str, host: int) -> dict[str, Any]:
    agents = ("Linphone/5.2.4", "baresip v3.5", "Yealink SIP-T46U 108.86", "MicroSIP/3.21")
    return {
        "user_id": user_id,
        "aor": f"sip:{number}@switchboard.local",
        "contact": f"<sip:{number}@192.0.2.{host}:5060>",
        "transport": ("udp", "tcp")[host % 2],
        "source_ip": f"192.0.2.{host}",
        "source_port": 5060,
        "user_agent": agents[host - 1],
        "registered_at": _ago(100 * host),
        "expires_at": _ago(100 * host - 3600),
        "tenant_id": account_id,
    }


def _dialog(
    account_id: str, caller: str, callee: str, direction: str, state: str, age_s: float
) -> dict[str, Any]:
    peer = int(caller if direction == "inbound" else callee) - 1000
    return {
        "call_id": f"{caller}-call",
        "tenant_id": account_id,
        "state": state,
        "direction": direction,
        "from_uri": f"sip:{caller}@switchboard.local",
        "to_uri": f"sip:{callee}@switchboard.local",
        "remote_addr": f"192.0.2.{peer}",
        "remote_port": 5060,
        "created_at": _ago(age_s),
    }


def _session(account_id: str, number: int) -> dict[str, Any]:
    return {
        "tenant_id": account_id,
        "call_id": f"session-{number}",
        "state": "bridged",
        "local_addr": "192.0.2.20",
        "local_port": 10000 + 2 * number,
        "remote_addr": f"192.0.2.{number + 1}",
        "remote_port": 40000,
        "codec": "PCMU",
        "rtp_manager": "rtp-1",
        "created_at": _ago((67, 67, 18)[number]),
    }


def _rtpmanager(
    name: str, address: str, *, sessions: int, ports: int, drain_state: str = "active"
) -> dict[str, Any]:
    return {
        "node_id": name,
        "address": address,
        "session_count": sessions,
        "active_sessions": sessions,
        "available_ports": ports,
        "healthy": True,
        "drain_state": drain_state,
    }


def main() -> None:
    """Fill the database of the environment; prints the ids of the account and of its users as JSON."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "switchboard.settings"
    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User as Login

    from cdrs.models import CDR
    from dialplan.demo import seed_demo

    demo = seed_demo("switchboard.local", settings.VAR_DIR)
    login = Login.objects.get(username="admin")
    login.set_password(sys.argv[1])
    login.save()
    account = demo.people.account
    account.name = "Example Ltd"
    account.save()
    chance = random.Random(4)
    CDR.objects.bulk_create([CDR(account=account, **_record(chance)) for _ in range(CALLS)])
    _record_some(account, login)
    users = {user.extension: str(user.pk) for user in account.users.all()}
    _register(account)
    _edit(login)
    _ban(login)
    _let_in(login, account)
    print(json.dumps({"account_id": str(account.pk), "user_ids": users}))


def _record_some(account: Any, login: Any) -> None:
    """Record every fifth answered call; one recording was cut off, and the file of one is elsewhere."""
    from cdrs.models import CDR, Recording
    from cdrs.recordings import listening
    from cdrs.tests.recordings import make_recording, sound

    answered = CDR.objects.filter(account=account, answer_time__isnull=False).order_by("-invite_time")
    for number, call in enumerate(answered[::5]):
        length_ms = int(call.duration_seconds * 1000)
        ending = {"state": "interrupted", "detail": "the RTP manager was lost"} if number == 2 else {}
        make_recording(
            call,
            content=b"" if number == 3 else sound(length_ms),
            began_at=call.answer_time,
            duration_ms=length_ms,
            size_bytes=44 + 32 * length_ms,
            **ending,
        )
    newest = Recording.objects.first()
    if newest is not None:
        listening.note_listening(newest, login, download=False)


def _register(account: Any) -> None:
    """Store the registrations that the nodes keep as well."""
    from signaling.models import Registration

    users = {user.extension: user for user in account.users.all()}
    rows = live_rows(str(account.pk), {number: str(user.pk) for number, user in users.items()})
    columns = ("aor", "contact", "transport", "source_ip", "source_port", "user_agent", "registered_at")
    for row in rows["registrations"]:
        stored = {name: row[name] for name in (*columns, "expires_at")}
        number = row["aor"].removeprefix("sip:").partition("@")[0]
        Registration.objects.create(**stored, user=users[number], call_id=number, cseq=1, node_id="east")


def _ban(login: Any) -> None:
    """Store bans of every kind; the one by hand was changed since."""
    from django.utils import timezone

    from signaling.models import Ban

    now = timezone.now()
    by_itself = (
        ("192.0.2.77", "50 failed logins within 41 s", 9_000, 600, "sip-1", 1, 31_204),
        ("198.51.100.23", "50 failed logins within 38 s", 240, 4800, "sip-1", 4, 182_340),
        ("2001:db8:66:7::/64", "50 failed logins within 8 minutes", 30, 600, "sip-2", 1, 412),
    )
    for network, reason, ago_s, lasts_s, node, offences, refused in by_itself:
        begun = now - timedelta(seconds=ago_s)
        Ban.objects.create(
            network=network,
            reason=reason,
            origin="automatic",
            banned_by=node,
            banned_at=begun,
            expires_at=begun + timedelta(seconds=lasts_s),
            offences=offences,
            refused=refused,
            last_refused_at=now,
        )
    ban: Any = Ban(network="203.0.113.0/24", reason="Toll fraud", banned_by=login.username, refused=9_120)
    for more in ("", ", as the carrier says"):
        ban.reason += more
        ban._history_user = login
        ban.save()


def _edit(login: Any) -> None:
    """Leave traces in the history of a route."""
    from dialplan.models import Route

    route: Any = Route.objects.get(id="demo-users")
    sorry = {"type": "play_audio", "params": {"file": "unavailable.wav"}}
    edits: tuple[dict[str, Any], ...] = ({"priority": 200}, {"actions": [*route.actions, sorry]})
    for edit in edits:
        for name, value in edit.items():
            setattr(route, name, value)
        route._history_user = login
        route.save()


def _let_in(login: Any, account: Any) -> None:
    """Make a second login with a role, and a token."""
    from django.contrib.auth.models import User as Login

    from accounts.models import Membership
    from accounts.tokens import issue

    operator = Login.objects.create_user("operator", is_staff=True, first_name="Olivia")
    Membership.objects.create(user=operator, account=account, role="operator")
    issue(login, name="Wallboard", scopes=["read", "cdrs"], account=account)


def _record(chance: random.Random) -> dict[str, Any]:
    caller, callee = chance.sample(list(PEOPLE), 2)
    _, disposition, cause, status = chance.choices(OUTCOMES, weights=[row[0] for row in OUTCOMES])[0]
    began = datetime.now(UTC) - timedelta(seconds=chance.triangular(60, 3600, 600) * chance.uniform(0.2, 1))
    rang_s, talked_s = chance.uniform(2, 12), chance.lognormvariate(4, 0.8)
    answered = began + timedelta(seconds=rang_s) if disposition == "ANSWERED" else None
    fields: dict[str, Any] = {
        "call_id": uuid.UUID(int=chance.getrandbits(128)).hex,
        "caller_number": caller,
        "caller_name": PEOPLE[caller],
        "callee_number": callee,
        "callee_name": PEOPLE[callee],
        "caller_ip": f"192.0.2.{int(caller) - 1000}",
        "invite_time": began,
        "ring_time": began + timedelta(seconds=0.2),
        "answer_time": answered,
        "ring_duration_seconds": rang_s - 0.2,
        "disposition": disposition,
        "hangup_cause": cause,
        "sip_status": status,
        "route_id": "demo-users",
        "signaling_server": "east",
        "hangup_by": "caller" if chance.random() < 0.6 else "callee",
    }
    if answered is None:
        return {**fields, "end_time": began + timedelta(seconds=rang_s)}
    packets = int(talked_s * 50)
    return {
        **fields,
        "end_time": answered + timedelta(seconds=talked_s),
        "duration_seconds": talked_s,
        "rtp_packets_sent": packets,
        "rtp_packets_recv": packets,
        "rtp_packets_lost": chance.randint(0, 4),
        "rtp_jitter_ms": chance.uniform(0.4, 9),
        "mos_score": chance.uniform(3.9, 4.4),
        "codec": "PCMU",
        "rtp_manager": "rtp-1",
    }


if __name__ == "__main__":
    main()
