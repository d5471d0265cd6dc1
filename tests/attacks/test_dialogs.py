# SPDX-License-Identifier: Apache-2.0
"""Requests of somebody else into a call, and what a phone may not do to the rest of the system."""

from __future__ import annotations

import time

import pytest

from tests import rawsip
from tests.attacks.calls import RtpSocket, raw_call, receive_request
from tests.stack import Stack

pytestmark = pytest.mark.e2e


def test_a_bye_with_wrong_tags_is_refused(stack: Stack) -> None:
    with raw_call(stack) as call, rawsip.Peer(stack.address) as attacker:
        attacker.send(
            attacker.request(
                "BYE",
                rawsip.target_of(call.answered),
                from_=call.answered.get("from").split(";tag=")[0] + ";tag=guess",
                to=call.answered.get("to").split(";tag=")[0] + ";tag=guess",
                call_id=call.answered.get("call-id"),
                cseq=90,
            )
        )
        assert attacker.answer("BYE").status == 481
        assert call.flows()


@pytest.mark.parametrize("method", ["BYE", "INVITE", "INFO", "UPDATE"])
def test_a_request_with_the_right_tags_from_another_address_is_refused(stack: Stack, method: str) -> None:
    with raw_call(stack) as call, rawsip.Peer(stack.address, ip="127.0.0.2") as attacker:
        attacker.send(attacker.in_dialog(method, call.answered, cseq=90))
        answer = attacker.receive(1.0)
        assert answer is None or answer.status >= 400 or answer.status == 100
        assert call.flows()
        assert call.hang_up().status == 200


def test_a_cancel_without_the_branch_is_refused(stack: Stack) -> None:
    callee_phone, caller_phone = stack.phone(), stack.phone()
    number = callee_phone.username
    with (
        rawsip.Peer(stack.address) as callee,
        rawsip.Peer(stack.address) as caller,
        rawsip.Peer(stack.address, ip="127.0.0.2") as attacker,
    ):
        callee.register(callee_phone)
        caller.send(caller.invite_request(caller_phone, number))
        challenge = caller.answer("INVITE")
        caller.ack(caller_phone, number, challenge)
        credentials = rawsip.authorization(
            challenge, caller_phone, "INVITE", f"sip:{number}@{caller_phone.domain}"
        )
        caller.send(caller.invite_request(caller_phone, number, credentials, cseq=2))
        invite = receive_request(callee, "INVITE")
        callee.reply(invite, "180 Ringing", tag="callee")
        attacker.send(
            attacker.request(
                "CANCEL",
                f"sip:{number}@{caller_phone.domain}",
                from_=challenge.get("from"),
                to=f"<sip:{number}@{caller_phone.domain}>",
                call_id=caller.call_id,
                cseq=2,
            )
        )
        assert attacker.answer("CANCEL").status == 481
        body = callee.sdp()
        callee.reply(invite, "200 OK", tag="callee", body=body, contact=callee.contact(number))
        answered = caller.answer("INVITE")
        assert answered.status == 200
        caller.ack(caller_phone, number, answered)


def test_a_cancel_of_who_has_seen_the_invite_is_refused_at_another_host(stack: Stack) -> None:
    callee_phone, caller_phone = stack.phone(), stack.phone()
    number = callee_phone.username
    with (
        rawsip.Peer(stack.address) as callee,
        rawsip.Peer(stack.address) as caller,
        rawsip.Peer(stack.address, ip="127.0.0.2") as attacker,
    ):
        callee.register(callee_phone)
        caller.send(caller.invite_request(caller_phone, number))
        challenge = caller.answer("INVITE")
        caller.ack(caller_phone, number, challenge)
        credentials = rawsip.authorization(
            challenge, caller_phone, "INVITE", f"sip:{number}@{caller_phone.domain}"
        )
        sent = caller.invite_request(caller_phone, number, credentials, cseq=2, body="")
        caller.send(sent)
        callee.reply(receive_request(callee, "INVITE"), "180 Ringing", tag="callee")
        attacker.send(sent.replace("INVITE sip:", "CANCEL sip:").replace("2 INVITE", "2 CANCEL"))
        assert attacker.answer("CANCEL").status == 481
        after = callee.receive(0.5)
        assert after is None or after.method == "INVITE"
        caller.send(sent.replace("INVITE sip:", "CANCEL sip:").replace("2 INVITE", "2 CANCEL"))
        assert caller.answer("INVITE").status == 487


@pytest.mark.parametrize(
    "method", ["MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER", "PUBLISH", "INFO", "UPDATE", "PRACK"]
)
def test_nothing_is_done_for_who_is_not_known(stack: Stack, method: str) -> None:
    """CVE-2021-37624 and CVE-2021-41157: MESSAGE and SUBSCRIBE went through without credentials."""
    with rawsip.Peer(stack.address) as peer:
        identity = "<sip:2000@switchboard.local>"
        peer.send(peer.request(method, "sip:2001@switchboard.local", from_=f"{identity};tag=1", to=identity))
        assert peer.answer().status in (401, 405, 407, 481, 501)


@pytest.mark.parametrize("status", ["401 Unauthorized", "407 Proxy Authentication Required"])
def test_a_challenge_of_the_callee_is_neither_answered_nor_passed_on(stack: Stack, status: str) -> None:
    """CVE-2021-41158: the server answered a callee's challenge with the caller's digest."""
    caller_phone, callee_phone = stack.phone(), stack.phone()
    number = callee_phone.username
    with rawsip.Peer(stack.address) as caller, rawsip.Peer(stack.address) as callee:
        callee.register(callee_phone)
        caller.send(caller.invite_request(caller_phone, number))
        challenge = caller.answer("INVITE")
        caller.ack(caller_phone, number, challenge)
        credentials = rawsip.authorization(
            challenge, caller_phone, "INVITE", f"sip:{number}@{caller_phone.domain}"
        )
        caller.send(caller.invite_request(caller_phone, number, credentials, cseq=2))
        invite = receive_request(callee, "INVITE")
        realm = 'Digest realm="switchboard.local", nonce="0123", algorithm=MD5'
        name = "WWW-Authenticate" if status.startswith("401") else "Proxy-Authenticate"
        callee.reply(invite, status, tag="thief", contact=f"{name}: {realm}")
        final = caller.answer("INVITE")
        assert final.status >= 400 and final.status not in (401, 407)
        assert not final.get("www-authenticate") and not final.get("proxy-authenticate")
        receive_request(callee, "ACK")
        repeated = callee.receive(1.0)
        assert repeated is None or "authorization" not in dict(repeated.lines)


def test_headers_are_built_anew_on_the_other_side(stack: Stack) -> None:
    """CVE-2020-28361: a space before the colon smuggled a header past the filter."""
    smuggled = (
        "X-Secret: smuggled",
        "P-Asserted-Identity : <sip:admin@switchboard.local>",
        "Subject: a\r\n folded: smuggled",
        "Record-Route: <sip:evil.example;lr>",
        "Alert-Info: <http://evil.example/>",
    )
    with raw_call(stack, headers=smuggled) as call:
        text = str(call.invite)
        assert "smuggled" not in text and "evil.example" not in text and "admin" not in text
        assert "authorization" not in dict(call.invite.lines)
        assert str(call.caller.port) not in call.invite.get("via") + call.invite.get("contact")
        assert len(call.invite.get_all("from")) == len(call.invite.get_all("to")) == 1


def test_a_display_name_cannot_break_out_of_its_header(stack: Stack) -> None:
    caller_phone, callee_phone = stack.phone(), stack.phone()
    name = r'"=1+1 <script>alert(1)</script> \" , <sip:evil@example> ;tag=x"'
    with rawsip.Peer(stack.address) as caller, rawsip.Peer(stack.address) as callee:
        callee.register(callee_phone, "User-Agent: <script>alert(1)</script>" + "x" * 500)
        stored = stack.rows("SELECT user_agent FROM registrations WHERE aor = ?", callee_phone.aor)
        stack.wait_until(
            lambda: bool(stack.rows("SELECT 1 FROM registrations WHERE aor = ?", callee_phone.aor)),
            3,
            "the row",
        )
        assert all(len(row["user_agent"]) <= 200 for row in stored)
        number = callee_phone.username
        plain = caller.invite_request(caller_phone, number)
        caller.send(plain.replace("From: <", f"From: {name} <"))
        challenge = caller.answer("INVITE")
        caller.ack(caller_phone, number, challenge)
        credentials = rawsip.authorization(
            challenge, caller_phone, "INVITE", f"sip:{number}@{caller_phone.domain}"
        )
        again = caller.invite_request(caller_phone, number, credentials, cseq=2)
        caller.send(again.replace("From: <", f"From: {name} <"))
        invite = receive_request(callee, "INVITE")
        assert invite.get("from").rstrip().endswith(f";tag={rawsip.tag_of(invite.get('from'))}")
        assert f"sip:{caller_phone.username}@" in invite.get("from").rpartition("<")[2]
        callee.reply(invite, "486 Busy Here", tag="busy")
        assert caller.answer("INVITE").status == 486


def test_a_phone_cannot_register_the_server_itself(stack: Stack) -> None:
    """A binding that points back at the server would make it call itself."""
    phone, caller = stack.phone(), stack.phone()
    host, port = stack.address
    with rawsip.Peer(stack.address) as peer, rawsip.Peer(stack.address) as other:
        answer = peer.register(phone, contact=f"Contact: <sip:{phone.username}@{host}:{port}>")
        if answer.status == 200:
            assert other.invite(caller, phone.username).status >= 400
        else:
            assert answer.status in (400, 403)


@pytest.mark.parametrize(
    ("address", "port"), [("224.0.0.1", 4000), ("127.0.0.1", 80), ("255.255.255.255", 4000)]
)
def test_media_is_never_sent_where_a_session_description_must_not_point(
    stack: Stack, address: str, port: int
) -> None:
    caller = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        assert peer.invite(caller, "600", body=peer.sdp(port, ip=address)).status in (400, 403, 488)


def test_a_media_address_of_a_third_host_gets_nothing_before_it_speaks(stack: Stack) -> None:
    """A session description that names a victim must not turn the greeting into a flood."""
    victim = RtpSocket.open("127.0.0.3")
    caller = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        answered = peer.invite(caller, "500", body=peer.sdp(victim.port, ip="127.0.0.3"))
        time.sleep(1.0)
        victim.drain()
        assert answered.status in (200, 488)
        limit = 100
        assert len(victim.received) < limit
