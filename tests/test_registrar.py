# SPDX-License-Identifier: Apache-2.0
"""The registrar as phones see it: bindings, digest, and what nobody must be able to do."""

from __future__ import annotations

import re

import pytest

from tests import rawsip
from tests.sipp import SippRunner
from tests.stack import Phone, Stack

pytestmark = pytest.mark.e2e


def bindings(message: rawsip.Message) -> list[str]:
    """Return the URIs of the Contacts in a response."""
    text = ", ".join(message.get_all("contact"))
    return re.findall(r"<([^>]+)>", text)


def test_sipp_registers_and_unregisters(stack: Stack, sipp: SippRunner) -> None:
    phone = sipp.register(stack.phone())
    stack.wait_until(lambda: len(rows(stack, phone)) == 1, 3, "the row of the binding")
    sipp.register(phone, expires=0)
    stack.wait_until(lambda: not rows(stack, phone), 3, "the removal of the row")


def rows(stack: Stack, phone: Phone) -> list[dict[str, object]]:
    """Return the stored bindings of a phone."""
    return stack.rows("SELECT * FROM registrations WHERE aor = ?", phone.aor)


def test_a_registration_that_is_too_brief_is_refused_with_the_minimum(stack: Stack, sipp: SippRunner) -> None:
    phone = stack.phone()
    sipp.run("register-too-brief", phone, CONTACT=f"<sip:x@127.0.0.1:{phone.port}>", EXPIRES=10)


def test_it_registers_over_tcp(stack: Stack, sipp: SippRunner) -> None:
    sipp.register(stack.phone(), transport="t1")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_both_digest_algorithms_are_accepted(stack: Stack, algorithm: str) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        peer.send(peer.register_request(phone))
        challenge = peer.answer()
        credentials = rawsip.authorization(
            challenge, phone, "REGISTER", f"sip:{phone.domain}", algorithm=algorithm
        )
        peer.send(peer.register_request(phone, credentials))
        assert peer.answer().status == 200


def test_one_user_may_have_several_phones_with_preferences(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as one, rawsip.Peer(stack.address) as two:
        one.register(phone, contact=f"{one.contact(phone.username)};q=0.3")
        answer = two.register(phone, contact=f"{two.contact(phone.username)};q=0.9;expires=120")
        assert len(bindings(answer)) == 2
        listed = ", ".join(answer.get_all("contact"))
        assert "q=0.3" in listed and "q=0.9" in listed
        assert 100 < int(re.search(rf"{two.port}[^,]*expires=(\d+)", listed)[1]) <= 120  # type: ignore[index]


def test_a_query_lists_the_bindings_and_changes_nothing(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        peer.register(phone)
        assert len(bindings(peer.register(phone, contact=""))) == 1
        assert len(bindings(peer.register(phone, contact=""))) == 1


def test_a_star_removes_every_binding_and_only_with_expires_zero(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as one, rawsip.Peer(stack.address) as two:
        one.register(phone)
        two.register(phone)
        assert two.register(phone, "Expires: 600", contact="Contact: *").status == 400
        assert two.register(phone, "Expires: 0", contact="Contact: *").status == 200
        assert bindings(two.register(phone, contact="")) == []


def test_an_older_cseq_of_the_same_call_id_changes_nothing(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        assert peer.register(phone, cseq=50).status == 200
        late = peer.register(phone, "Expires: 0", cseq=49)
        assert late.status in (400, 500) or len(bindings(late)) == 1
        assert len(bindings(peer.register(phone, contact="", cseq=60))) == 1


def test_the_lifetime_is_cut_to_the_maximum(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        answer = peer.register(phone, "Expires: 999999")
        assert int(re.search(r"expires=(\d+)", answer.get("contact"))[1]) <= 3600  # type: ignore[index]


def test_a_wrong_password_and_an_unknown_user_look_the_same(stack: Stack) -> None:
    known = stack.phone()
    wrong = Phone(username=known.username, password="wrong", port=0)
    answers = []
    for phone in (wrong, rawsip.anyone()):
        with rawsip.Peer(stack.address) as peer:
            first_and_second = [peer_challenge(peer, phone), peer.register(phone)]
        answers.append([shape(message) for message in first_and_second])
    assert answers[0] == answers[1]
    assert answers[0][1][0] == "SIP/2.0 401 Unauthorized" or answers[0][1][0].startswith("SIP/2.0 40")


def peer_challenge(peer: rawsip.Peer, phone: Phone) -> rawsip.Message:
    peer.send(peer.register_request(phone))
    return peer.answer()


def shape(message: rawsip.Message) -> tuple[str, list[str]]:
    """Return what can be told apart in an answer: its first line, header names, and values without what is random."""
    values = [
        re.sub(r'(nonce|opaque|branch|tag|rport|received)="?[^",;]*"?', r"\1", f"{name}: {value}")
        for name, value in message.lines
        if name not in ("via", "from", "to", "call-id", "date")
    ]
    return message.first, values


def test_nobody_registers_for_somebody_else(stack: Stack) -> None:
    thief, victim = stack.phone(), stack.phone()
    with rawsip.Peer(stack.address) as peer:
        peer.send(peer.register_request(victim))
        credentials = rawsip.authorization(peer.answer(), thief, "REGISTER", f"sip:{victim.domain}")
        peer.send(peer.register_request(victim, credentials))
        assert peer.answer().status in (401, 403)
        assert bindings(peer.register(victim, contact="")) == []


def test_nobody_registers_in_another_account_with_its_own_credentials(stack: Stack) -> None:
    phone = stack.phone()
    foreign = Phone(username=phone.username, password=phone.password, port=0, domain="other.example")
    with rawsip.Peer(stack.address) as peer:
        assert peer.register(foreign).status in (401, 403)


def test_credentials_cannot_be_used_twice(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer, rawsip.Peer(stack.address) as listener:
        peer.send(peer.register_request(phone))
        credentials = rawsip.authorization(peer.answer(), phone, "REGISTER", f"sip:{phone.domain}")
        peer.send(peer.register_request(phone, credentials))
        assert peer.answer().status == 200
        listener.send(listener.register_request(phone, credentials))
        replayed = listener.answer()
        assert replayed.status == 401
        assert "stale=true" in replayed.get("www-authenticate").lower()


def test_a_nonce_of_ones_own_making_is_refused(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        peer.send(peer.register_request(phone))
        forged = rawsip.authorization(
            peer.answer(), phone, "REGISTER", f"sip:{phone.domain}", nonce="0123456789abcdef"
        )
        peer.send(peer.register_request(phone, forged))
        assert peer.answer().status == 401


@pytest.mark.parametrize("uri", ["sip:other.example", "sip:2000@switchboard.local", "tel:500", "nonsense"])
def test_a_response_made_for_another_uri_is_refused(stack: Stack, uri: str) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        peer.send(peer.register_request(phone))
        credentials = rawsip.authorization(peer.answer(), phone, "REGISTER", uri)
        peer.send(peer.register_request(phone, credentials))
        assert peer.answer().status in (400, 401, 403)


def test_credentials_for_one_number_do_not_call_another(stack: Stack) -> None:
    phone = stack.phone()
    with rawsip.Peer(stack.address) as peer:
        peer.send(peer.invite_request(phone, "500"))
        challenge = peer.answer()
        peer.ack(phone, "500", challenge)
        credentials = rawsip.authorization(challenge, phone, "INVITE", f"sip:600@{phone.domain}")
        peer.send(peer.invite_request(phone, "500", credentials, cseq=2))
        assert peer.answer().status in (400, 403, 407)


def test_a_disabled_user_cannot_register(stack: Stack) -> None:
    with rawsip.Peer(stack.address) as peer:
        assert peer.register(stack.phone("3001")).status in (401, 403)
