# SPDX-License-Identifier: Apache-2.0
"""SRTP over real sockets, with libsrtp as the phone: neither side can be wrong in the same way as the other."""

from __future__ import annotations

from collections.abc import Callable

import pylibsrtp
import pytest
from engine_phone import Phone, rtcp, rtp
from switchboard_engine import Engine, SessionNotFound

Join = Callable[[str, Phone], int]
WaitForStat = Callable[[str, str, int], None]

OURS, THEIRS = bytes(range(30)), bytes(range(100, 130))
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


def libsrtp(suite: str, key: bytes, direction: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=SUITES[suite])
    return pylibsrtp.Session(policy=policy)


def ends(suite: str) -> tuple[pylibsrtp.Session, pylibsrtp.Session]:
    """Return what a phone encrypts and decrypts with."""
    policy = pylibsrtp.Policy
    return (
        libsrtp(suite, THEIRS, policy.SSRC_ANY_OUTBOUND),
        libsrtp(suite, OURS, policy.SSRC_ANY_INBOUND),
    )


@pytest.mark.parametrize("suite", SUITES)
def test_libsrtp_and_the_engine_understand_each_other(
    engine: Engine, alice: Phone, bob: Phone, join: Join, suite: str
) -> None:
    port_a, port_b = join("a", alice), join("b", bob)
    engine.set_srtp("a", suite, local_key=OURS, remote_key=THEIRS)
    engine.bridge("a", "b")
    outbound, inbound = ends(suite)
    for number in range(65_400, 65_400 + 300):
        plain = rtp(number % 65_536, timestamp=number * 160, payload=bytes([number % 256]) * 160)
        alice.send(outbound.protect(plain), port_a)
        assert bob.receive()[0] == plain
        bob.send(plain, port_b)
        protected = alice.receive()[0]
        assert protected[12:172] != plain[12:]
        assert inbound.unprotect(protected) == plain
    assert engine.stats("a")["dropped_unauthenticated"] == 0


@pytest.mark.parametrize("suite", SUITES)
def test_reports_are_protected_both_ways(
    engine: Engine, alice: Phone, bob: Phone, join: Join, suite: str
) -> None:
    port_a, port_b = join("a", alice), join("b", bob)
    engine.set_remote("a", rtp=alice.address, rtcp=alice.address)
    engine.set_remote("b", rtp=bob.address, rtcp=bob.address)
    engine.set_srtp("a", suite, local_key=OURS, remote_key=THEIRS)
    engine.bridge("a", "b")
    outbound, inbound = ends(suite)
    for _ in range(3):
        alice.send(outbound.protect_rtcp(rtcp()), port_a)
        assert bob.receive()[0] == rtcp()
        bob.send(rtcp(), port_b)
        assert inbound.unprotect_rtcp(alice.receive()[0]) == rtcp()


def test_a_prompt_is_encrypted(engine: Engine, alice: Phone, join: Join) -> None:
    (suite, *_) = SUITES
    join("a", alice)
    engine.set_srtp("a", suite, local_key=OURS, remote_key=THEIRS)
    engine.play("a", "p", bytes(3200), codec="PCMU", payload_type=0)
    _, inbound = ends(suite)
    for _ in range(10):
        assert inbound.unprotect(alice.receive()[0])[12:] == b"\xff" * 160


def test_what_is_not_authentic_is_dropped_and_counted(
    engine: Engine, alice: Phone, bob: Phone, join: Join, wait_for_stat: WaitForStat
) -> None:
    (suite, *_) = SUITES
    port_a, _ = join("a", alice), join("b", bob)
    engine.set_srtp("a", suite, local_key=OURS, remote_key=THEIRS)
    engine.bridge("a", "b")
    outbound, _ = ends(suite)
    alice.send(rtp(1), port_a)
    alice.send(libsrtp(suite, OURS, pylibsrtp.Policy.SSRC_ANY_OUTBOUND).protect(rtp(1)), port_a)
    wait_for_stat("a", "dropped_unauthenticated", 2)
    good = outbound.protect(rtp(5))
    alice.send(good, port_a)
    alice.send(good, port_a)
    wait_for_stat("a", "dropped_replayed", 1)
    assert bob.receive()[0] == rtp(5)
    assert bob.hears_nothing()


def test_a_session_can_be_plain_again(engine: Engine, alice: Phone, bob: Phone, join: Join) -> None:
    (suite, *_) = SUITES
    port_a, _ = join("a", alice), join("b", bob)
    engine.set_srtp("a", suite, local_key=OURS, remote_key=THEIRS)
    engine.clear_srtp("a")
    engine.bridge("a", "b")
    alice.send(rtp(1), port_a)
    assert bob.receive()[0] == rtp(1)


def test_bad_keys_are_refused_without_being_repeated(engine: Engine, alice: Phone, join: Join) -> None:
    join("a", alice)
    secret = b"a-secret-key-of-31-octets-xxxxx"
    for suite, key in (("AES_CM_128_HMAC_SHA1_80", secret), ("F8_128_HMAC_SHA1_80", OURS)):
        with pytest.raises(ValueError, match=r"octets|suite") as error:
            engine.set_srtp("a", suite, local_key=key, remote_key=key)
        assert "secret" not in str(error.value)
    with pytest.raises(SessionNotFound):
        engine.set_srtp("b", "AES_CM_128_HMAC_SHA1_80", local_key=OURS, remote_key=THEIRS)
