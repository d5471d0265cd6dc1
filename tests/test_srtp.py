# SPDX-License-Identifier: Apache-2.0
"""Calls whose audio is encrypted, on one side or on both, by phones that were not made here."""

from __future__ import annotations

import base64
import json
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pylibsrtp
import pytest

from tests import audio
from tests.attacks.calls import PACKET_S, RtpSocket, media_address
from tests.conftest import GREETING_HZ
from tests.media_pool import PoolStack
from tests.phones.debian_baresip import DebianBaresip
from tests.phones.process import PhoneProcess
from tests.rawsip import Peer
from tests.stack import Phone, Stack, password
from tests.test_audio_calls import CALLEE_HZ, CALLER_HZ, LISTEN_S, assert_hears, connect

pytestmark = pytest.mark.e2e

SUITE = "AES_CM_128_HMAC_SHA1_80"
OFF, OPTIONAL, REQUIRED = "off.example", "optional.example", "required.example"
NUMBERS = [str(number) for number in range(2700, 2740)]


@pytest.fixture(scope="module")
def srtp_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with an account for each setting."""
    stack = Stack(tmp_path_factory.mktemp("srtp"), template)
    try:
        stack.start()
        accounts = [
            {"domain": domain, "media_encryption": domain.partition(".")[0]}
            for domain in (OFF, OPTIONAL, REQUIRED)
        ]
        users = [
            {
                "account": account["domain"],
                "username": number,
                "extension": number,
                "password": password(number),
            }
            for account in accounts
            for number in NUMBERS
        ]
        stack.seed({"accounts": accounts, "users": users})
        time.sleep(2)
        yield stack
    finally:
        stack.stop()


_numbers = iter(NUMBERS * 10)


def a_phone(stack: Stack, domain: str) -> Phone:
    return stack.phone(next(_numbers), domain=domain)


@contextmanager
def phones(
    stack: Stack, directory: Path, domain: str, caller: str, callee: str
) -> Iterator[tuple[PhoneProcess, PhoneProcess]]:
    """Two registered phones of one account, each with its way of encryption."""
    with (
        PhoneProcess(stack, a_phone(stack, domain), CALLER_HZ, directory, mediaenc=caller) as first,
        PhoneProcess(stack, a_phone(stack, domain), CALLEE_HZ, directory, mediaenc=callee) as second,
    ):
        yield first, second


def legs_encrypted(stack: Stack, call_id: str) -> dict[str, str]:
    """Return the suite of each leg that was encrypted; nothing of it was dropped."""
    noted = json.loads(stack.cdr(call_id)["metadata"]).get("srtp", {})
    return {leg: srtp.pop("suite") for leg, srtp in noted.items() if srtp.keys() == {"suite"}}


@pytest.mark.parametrize(
    ("domain", "caller_has", "callee_has", "encrypted"),
    [
        (OFF, "srtp-mand", "", "A"),
        # The callee is offered no key, and offers its own in a re-INVITE as soon as it has answered.
        (OFF, "srtp", "srtp", "AB"),
        (OPTIONAL, "", "srtp", "B"),
        (OPTIONAL, "srtp", "", "A"),
        (OPTIONAL, "srtp-mand", "srtp", "AB"),
        (REQUIRED, "srtp-mand", "srtp-mand", "AB"),
    ],
)
def test_phones_hear_each_other_whichever_of_them_encrypts(
    srtp_stack: Stack, tmp_path: Path, domain: str, caller_has: str, callee_has: str, encrypted: str
) -> None:
    with phones(srtp_stack, tmp_path, domain, caller_has, callee_has) as (caller, callee):
        call_id = connect(caller, callee)
        time.sleep(LISTEN_S)
        assert_hears(callee.heard(), CALLER_HZ)
        assert_hears(caller.heard(), CALLEE_HZ)
        caller.order("hangup")
        caller.wait_for("call_closed")
        callee.wait_for("call_closed")
    assert legs_encrypted(srtp_stack, call_id) == dict.fromkeys(encrypted, SUITE)


@pytest.mark.parametrize("domain", [OPTIONAL, REQUIRED])
def test_prompts_and_the_echo_are_encrypted(srtp_stack: Stack, tmp_path: Path, domain: str) -> None:
    greeting = audio.melody(GREETING_HZ, 0.5)
    phone = a_phone(srtp_stack, domain)
    with PhoneProcess(srtp_stack, phone, CALLER_HZ, tmp_path, mediaenc="srtp-mand") as caller:
        caller.order("call", number="500")
        call_id = caller.wait_for("call_established")["call_id"]
        time.sleep(len(greeting) / audio.RATE_HZ - 0.3)
        caller.wait_for("call_closed")
        assert audio.similarity(caller.heard(), greeting) > 0.9
        assert legs_encrypted(srtp_stack, call_id) == {"A": SUITE}
    phone = a_phone(srtp_stack, domain)
    with PhoneProcess(srtp_stack, phone, CALLER_HZ, tmp_path, mediaenc="srtp-mand") as caller:
        caller.order("call", number="600")
        caller.wait_for("call_established")
        time.sleep(LISTEN_S)
        assert_hears(caller.heard(), CALLER_HZ)


def test_a_held_call_comes_back_encrypted(srtp_stack: Stack, tmp_path: Path) -> None:
    with phones(srtp_stack, tmp_path, REQUIRED, "srtp-mand", "srtp-mand") as (caller, callee):
        call_id = connect(caller, callee)
        for _ in range(2):
            caller.order("hold")
            caller.wait_for("held")
            time.sleep(1.0)
            before = len(callee.heard())
            time.sleep(1.0)
            assert audio.level_dbfs(callee.heard()[before:]) < -40
            caller.order("resume")
            caller.wait_for("resumed")
            time.sleep(LISTEN_S)
            assert_hears(callee.heard(), CALLER_HZ)
            assert_hears(caller.heard(), CALLEE_HZ)
        caller.order("hangup")
        caller.wait_for("call_closed")
    assert legs_encrypted(srtp_stack, call_id) == {"A": SUITE, "B": SUITE}


@pytest.mark.parametrize(("mediaenc", "encrypted"), [("srtp-mand", "A"), ("srtp", "A")])
def test_an_old_baresip_with_keys_hears_a_new_one_without(
    srtp_stack: Stack, tmp_path: Path, mediaenc: str, encrypted: str
) -> None:
    with PhoneProcess(srtp_stack, a_phone(srtp_stack, OFF), CALLEE_HZ, tmp_path) as callee:
        phone, number = a_phone(srtp_stack, OFF), callee.phone.username
        tone = audio.tone(CALLER_HZ, 20)
        caller = DebianBaresip(srtp_stack, phone, number, tone, tmp_path, mediaenc=mediaenc)
        callee.wait_for("incoming")
        callee.order("answer")
        callee.wait_for("call_established")
        time.sleep(LISTEN_S)
        assert_hears(callee.heard(), CALLER_HZ)
        heard = caller.stop()
        assert_hears(heard[: -audio.RATE_HZ // 2], CALLEE_HZ)


def test_a_phone_without_keys_is_told_why_it_may_not_call(srtp_stack: Stack) -> None:
    with Peer(srtp_stack.address) as peer:
        refused = peer.invite(a_phone(srtp_stack, REQUIRED), "600", body=peer.sdp())
        assert refused.status == 488
        assert refused.get("warning").startswith("302 ")


class SrtpEnd:
    """One end of an encrypted stream, whose keys and packets are libsrtp's."""

    def __init__(self) -> None:
        self.end = RtpSocket.open()
        self._sequence = 0
        self._inbound: pylibsrtp.Session | None = None
        self.rekey()

    def rekey(self) -> None:
        """Encrypt with a fresh key from now on."""
        self.key = os.urandom(30)
        policy = pylibsrtp.Policy(key=self.key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self._outbound = pylibsrtp.Session(policy=policy)

    def offer(self, sdp: str) -> str:
        """Return a plain offer made a secure one."""
        key = base64.b64encode(self.key).decode()
        return f"{sdp.replace('RTP/AVP', 'RTP/SAVP')}a=crypto:7 {SUITE} inline:{key}|2^31\r\n"

    def answered(self, sdp: str) -> None:
        """Take an answer, which repeats profile and tag and brings the other key."""
        (line,) = [line for line in sdp.splitlines() if line.startswith("a=crypto:")]
        tag, suite, key = line.removeprefix("a=crypto:").split()
        assert (tag, suite) == ("7", SUITE) and " RTP/SAVP " in sdp
        self.end.relay = media_address(sdp)
        policy = pylibsrtp.Policy(
            key=base64.b64decode(key.removeprefix("inline:")), ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND
        )
        self._inbound = pylibsrtp.Session(policy=policy)

    def packet(self, mark: int) -> bytes:
        """Return the next packet, encrypted."""
        self._sequence += 1
        header = struct.pack("!BBHII", 0x80, 0, self._sequence, self._sequence * 160, 0x5EED)
        return self._outbound.protect(header + bytes([mark]) * 160)

    def send(self, packet: bytes) -> None:
        """Send octets as they are, at the pace of audio."""
        self.end.socket.sendto(packet, self.end.relay)
        time.sleep(PACKET_S)

    def heard(self) -> list[int]:
        """Return the marks of what arrived, all of it authentic."""
        assert self._inbound is not None
        self.end.drain()
        packets, self.end.received = self.end.received, []
        return [self._inbound.unprotect(packet)[12] for packet in packets if not 192 <= packet[1] <= 223]


def test_wrong_keys_replays_and_garbage_change_nothing(srtp_stack: Stack) -> None:
    phone, ours, wrong = a_phone(srtp_stack, REQUIRED), SrtpEnd(), SrtpEnd()
    with Peer(srtp_stack.address) as peer:
        answered = peer.invite(phone, "600", body=ours.offer(peer.sdp(ours.end.port)))
        assert answered.status == 200
        ours.answered(answered.body)
        wrong.end.relay = ours.end.relay
        for _ in range(20):
            ours.send(wrong.packet(0x66))
            wrong.send(wrong.packet(0x66))
            ours.send(os.urandom(172))
            ours.send(b"\x80\x00" + os.urandom(170))
        assert ours.heard() == [] and wrong.end.drain() == set(), "nobody was heard, or learnt"
        good = [ours.packet(0x11) for _ in range(20)]
        for packet in good:
            ours.send(packet)
            ours.send(packet)
            ours.send(wrong.packet(0x66))
        for packet in good:
            ours.send(packet)
        assert ours.heard() == [0x11] * 20
        assert wrong.end.drain() == set()
        peer.send(peer.in_dialog("BYE", answered, cseq=3))
        assert peer.answer("BYE").status == 200
    noted = json.loads(srtp_stack.cdr(answered.get("call-id"))["metadata"])["srtp"]["A"]
    assert noted["suite"] == SUITE
    assert noted["replayed"] >= 40
    assert noted["unauthenticated"] >= 40


def test_keys_are_in_no_log_record_event_or_answer(srtp_stack: Stack) -> None:
    phone, ours = a_phone(srtp_stack, REQUIRED), SrtpEnd()
    with Peer(srtp_stack.address) as peer:
        answered = peer.invite(phone, "600", body=ours.offer(peer.sdp(ours.end.port)))
        ours.answered(answered.body)
        peer.send(peer.in_dialog("BYE", answered, cseq=3))
        assert peer.answer("BYE").status == 200
    record = srtp_stack.cdr(answered.get("call-id"))
    (line,) = [line for line in answered.body.splitlines() if line.startswith("a=crypto:")]
    for key in (line.rpartition("inline:")[2], base64.b64encode(ours.key).decode()):
        assert key not in srtp_stack.logs()
        assert key not in json.dumps(record, default=str)


def test_an_encrypted_call_follows_a_drain(pool: PoolStack, tmp_path: Path) -> None:
    pool.start("rtp-1")
    with (
        PhoneProcess(pool, pool.phone(), CALLER_HZ, tmp_path, mediaenc="srtp-mand") as caller,
        PhoneProcess(pool, pool.phone(), CALLEE_HZ, tmp_path) as callee,
    ):
        call_id = connect(caller, callee)
        pool.start_media("rtp-2", wait_healthy=True)
        time.sleep(1)
        pool.command("drain", node_id="rtp-1")
        state = lambda: pool.command("drain_status", node_id="rtp-1")  # noqa: E731
        pool.wait_until(lambda: state()["state"] == "disabled", 10, "the end of the drain")
        assert state()["migrated_count"] == 2
        pool.kill("rtp-1")
        time.sleep(2)
        assert_hears(callee.heard(), CALLER_HZ)
        assert_hears(caller.heard(), CALLEE_HZ)
        caller.order("hangup")
        caller.wait_for("call_closed")
    record = pool.cdr(call_id)
    assert record["rtp_manager"] == "rtp-2"
    assert json.loads(record["metadata"])["srtp"]["A"]["suite"] == SUITE
