# SPDX-License-Identifier: Apache-2.0
"""Who guesses passwords is banned: it hears nothing more, phones at other addresses call on, and nobody else can bring
that about. Every address of 127.0.0.0/8 is a machine of its own here."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import rawsip
from tests.attacks.calls import raw_call
from tests.stack import ROOT, Phone, Stack

pytestmark = pytest.mark.e2e

FAILURES = 8


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack where 127.0.0.1 alone is never banned."""
    env = {"BAN_NEVER": "127.0.0.1", "BAN_AFTER_FAILURES": str(FAILURES), "BAN_S": "600"}
    stack = Stack(tmp_path_factory.mktemp("banning"), template, env=env)
    try:
        yield stack.start()
    finally:
        stack.stop()


def bans(stack: Stack, *arguments: str) -> Any:
    """Run ``manage.py bans`` and return what it says."""
    done = subprocess.run(
        [sys.executable, "manage.py", "bans", *arguments, "--json"],
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def guess(stack: Stack, ip: str, times: int, *, tcp: bool = False, phone: Phone | None = None) -> int:
    """Try wrong passwords from an address; return how many were answered to their end."""
    victim = replace(phone or stack.phone(), password="a wrong one")
    answered = 0
    for _ in range(times):
        try:
            with rawsip.Peer(stack.address, ip=ip, tcp=tcp) as peer:
                peer.send(peer.register_request(victim))
                challenge = peer.receive(0.7)
                if challenge is None:
                    break
                credentials = rawsip.authorization(challenge, victim, "REGISTER", f"sip:{victim.domain}")
                peer.send(peer.register_request(victim, credentials))
                answered += peer.receive(0.7) is not None
        except ConnectionError:
            break
    return answered


def hears(stack: Stack, ip: str, *, tcp: bool = False) -> bool:
    """Tell whether OPTIONS from an address is answered."""
    try:
        with rawsip.Peer(stack.address, ip=ip, tcp=tcp) as peer:
            me = f"<sip:x@{ip}>;tag={peer.tag}"
            peer.send(peer.request("OPTIONS", "sip:127.0.0.1", from_=me, to="<sip:127.0.0.1>"))
            return peer.receive(0.7) is not None
    except ConnectionError:
        return False


@pytest.mark.parametrize(("ip", "tcp"), [("127.0.0.66", False), ("127.0.0.67", True)])
def test_who_guesses_is_banned_and_phones_elsewhere_call_on(own_stack: Stack, ip: str, tcp: bool) -> None:
    with rawsip.Peer(own_stack.address, ip=ip, tcp=True) as held:
        me = f"<sip:x@{ip}>;tag={held.tag}"
        held.send(held.request("OPTIONS", "sip:127.0.0.1", from_=me, to="<sip:127.0.0.1>"))
        assert held.receive() is not None
        assert FAILURES <= guess(own_stack, ip, FAILURES * 50, tcp=tcp) < FAILURES * 50
        own_stack.wait_until(lambda: not hears(own_stack, ip), 5, "silence")
        assert not hears(own_stack, ip, tcp=True)
        held.socket.settimeout(3)
        try:
            assert held.socket.recv(100) == b""
        except ConnectionError:
            assert True
    with raw_call(own_stack) as call:
        assert call.flows()
    own_stack.wait_until(lambda: bool(bans(own_stack, "list", ip)), 5, "the stored ban")
    (ban,) = bans(own_stack, "list", ip)
    assert (ban["origin"], ban["offences"]) == ("automatic", 1)
    assert ban["reason"].startswith(f"{FAILURES} failed logins within")


def test_a_phone_behind_a_lifted_ban_registers_again(own_stack: Stack) -> None:
    ip = "127.0.0.68"
    guess(own_stack, ip, FAILURES)
    own_stack.wait_until(lambda: not hears(own_stack, ip), 5, "silence")
    own_stack.wait_until(lambda: bool(bans(own_stack, "list", ip)), 5, "the stored ban")
    bans(own_stack, "remove", ip)
    own_stack.wait_until(lambda: hears(own_stack, ip), 3, "an answer")
    with rawsip.Peer(own_stack.address, ip=ip) as peer:
        assert peer.register(own_stack.phone()).status == 200
    assert guess(own_stack, ip, FAILURES * 2) == FAILURES * 2, (
        "one phone is at home there now: nobody is banned"
    )


def test_forged_datagrams_ban_nobody(own_stack: Stack) -> None:
    """Who sends in another's name never sees the challenge: it answers with a nonce that was sent elsewhere."""
    victim_ip, phone = "127.0.0.69", replace(own_stack.phone(), password="a wrong one")
    with rawsip.Peer(own_stack.address, ip="127.0.0.70") as attacker:
        attacker.send(attacker.register_request(phone))
        challenge = attacker.answer("REGISTER")
    with rawsip.Peer(own_stack.address, ip=victim_ip) as forged:
        for number in range(FAILURES * 4):
            known = rawsip.challenge_fields(challenge)["nonce"]
            nonce = known if number % 2 else f"18c2f0a1b2c-{number}-{'0' * 32}"
            credentials = rawsip.authorization(
                challenge, phone, "REGISTER", f"sip:{phone.domain}", nonce=nonce
            )
            forged.send(forged.register_request(phone, credentials))
            forged.send(forged.register_request(phone))
            while forged.receive(0.02) is not None:
                continue
    time.sleep(0.5)
    assert hears(own_stack, victim_ip)
    assert bans(own_stack, "list", victim_ip) == []


def test_what_is_never_banned_is_not(own_stack: Stack) -> None:
    assert guess(own_stack, "127.0.0.1", FAILURES * 3) == FAILURES * 3
    assert hears(own_stack, "127.0.0.1")


def test_a_network_banned_by_hand_loses_its_phones_and_calls(own_stack: Stack) -> None:
    ip, network = "127.0.9.5", "127.0.9.0/24"
    phone = own_stack.phone()
    with rawsip.Peer(own_stack.address, ip=ip) as peer:
        assert peer.register(phone).status == 200
        answered = peer.invite(phone, "600")
        assert answered.status == 200
        own_stack.wait_until(
            lambda: bool(own_stack.rows("SELECT 1 FROM registrations WHERE source_ip = ?", ip)),
            5,
            "the phone's row",
        )
        bans(own_stack, "add", network, "--reason", "toll fraud", "--for", "1h")
        bye = peer.receive(3)
        assert bye is not None and bye.method == "BYE"
        own_stack.wait_until(
            lambda: not own_stack.rows("SELECT 1 FROM registrations WHERE source_ip = ?", ip),
            5,
            "its row gone",
        )
        assert not hears(own_stack, ip)
        record = own_stack.cdr(peer.call_id, timeout_s=40)
        assert "the ban of 127.0.9.0/24" in json.dumps(record)
    refused = [each for each in bans(own_stack, "list", ip) if each["network"] == network]
    assert refused
    own_stack.wait_until(
        lambda: bans(own_stack, "list", ip)[0]["refused"] > 0, 10, "the count of what was refused"
    )
    bans(own_stack, "remove", network)
    own_stack.wait_until(lambda: hears(own_stack, ip), 3, "an answer")


def test_bans_outlive_a_restart(own_stack: Stack) -> None:
    ip = "127.0.0.71"
    bans(own_stack, "add", ip)
    own_stack.wait_until(lambda: not hears(own_stack, ip), 3, "silence")
    own_stack.kill("runsip")
    own_stack.run("runsip")
    assert not hears(own_stack, ip)
    assert hears(own_stack, "127.0.0.72")
