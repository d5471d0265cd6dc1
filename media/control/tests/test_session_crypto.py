# SPDX-License-Identifier: Apache-2.0
"""SRTP between a session and its remote, by whole descriptions: who offers, who answers, what the engine is told."""

import base64
from typing import Any

import pytest

from media.control.errors import MediaError, Reason
from media.control.manager import SessionManager
from media.control.session_crypto import Encryption
from media.control.tests.descriptions import lines_of, sdp
from media.control.tests.harness import CALLER_IP, A, B

SUITE, SHORT = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"


def key(number: int) -> bytes:
    return bytes([number]) * 30


def crypto(tag: int, suite: str, number: int) -> str:
    return f"a=crypto:{tag} {suite} inline:{base64.b64encode(key(number)).decode()}"


def secure(*lines: str, profile: str = "RTP/SAVP", **options: Any) -> str:
    return sdp(0, profile=profile, extra="\r\n".join(lines), **options)


def keys_of(text: str) -> list[tuple[str, str, bytes]]:
    """Return tag, suite and key of each line of a description."""
    parts = [line.removeprefix("a=crypto:").split() for line in lines_of(text, "a=crypto:")]
    return [(tag, suite, base64.b64decode(value.removeprefix("inline:"))) for tag, suite, value in parts]


def answer(manager: SessionManager, offer: str, **options: Any) -> str:
    manager.create_session(A, remote_sdp=offer, signaling_ip=CALLER_IP, **options)
    return manager.create_answer(A).local_sdp


async def test_a_secure_offer_is_answered_with_its_first_line_that_can_be_used(node):
    offer = secure(crypto(1, "AEAD_AES_256_GCM", 1), crypto(2, SHORT, 2), crypto(3, SUITE, 3))
    text = answer(node.manager, offer)
    ((tag, suite, own),) = keys_of(text)
    assert (tag, suite, len(own)) == ("2", SHORT, 30)
    assert lines_of(text, "m=")[0].endswith(" RTP/SAVP 0")
    assert node.engine.named("set_srtp") == [(A, SHORT, own, key(2))]
    names = [command[0] for command in node.engine.commands]
    assert names.index("set_srtp") < names.index("set_remote"), "nothing is ever sent in clear"
    assert node.manager.create_answer(A).srtp == SHORT


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/SAVPF"])
@pytest.mark.parametrize("lines", [(), ("a=crypto:1 AEAD_AES_128_GCM inline:AAAA",)])
async def test_a_secure_offer_without_a_usable_key_is_refused(node, profile, lines):
    with pytest.raises(MediaError) as refused:
        node.manager.create_session(A, remote_sdp=secure(*lines, profile=profile))
    assert refused.value.reason is Reason.UNSUPPORTED_TRANSPORT


async def test_a_plain_offer_with_keys_is_answered_with_one(node):
    text = answer(node.manager, secure(crypto(1, SUITE, 1), profile="RTP/AVP"))
    assert [line[:2] for line in keys_of(text)] == [("1", SUITE)]
    assert lines_of(text, "m=")[0].endswith(" RTP/AVP 0")


async def test_a_plain_offer_with_useless_keys_is_plain(node):
    text = answer(node.manager, secure("a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA", profile="RTP/AVP"))
    assert lines_of(text, "a=crypto") == [] and node.engine.named("set_srtp") == []


async def test_where_encryption_is_required_a_plain_offer_is_refused(node):
    with pytest.raises(MediaError) as refused:
        node.manager.create_session(A, remote_sdp=sdp(0), encryption=Encryption.REQUIRED)
    assert refused.value.reason is Reason.ENCRYPTION_REQUIRED
    answer(node.manager, secure(crypto(1, SUITE, 1)), encryption=Encryption.REQUIRED)
    with pytest.raises(MediaError) as refused:
        node.manager.update_remote(A, sdp(0), is_answer=False)
    assert refused.value.reason is Reason.ENCRYPTION_REQUIRED
    assert node.engine.named("clear_srtp") == [], "what was agreed on stands"


@pytest.mark.parametrize(
    ("encryption", "profile", "suites"),
    [
        (Encryption.AS_OFFERED, "RTP/AVP", []),
        (Encryption.OPTIONAL, "RTP/AVP", [("1", SUITE), ("2", SHORT)]),
        (Encryption.REQUIRED, "RTP/SAVP", [("1", SUITE), ("2", SHORT)]),
    ],
)
async def test_what_is_offered_is_what_the_account_asks_for(node, encryption, profile, suites):
    text = node.manager.create_session(B, encryption=encryption).local_sdp
    assert lines_of(text, "m=")[0].split()[2] == profile
    assert [line[:2] for line in keys_of(text)] == suites
    assert len({line[2] for line in keys_of(text)}) == len(suites), "each line has a key of its own"


@pytest.mark.parametrize("encryption", [Encryption.OPTIONAL, Encryption.REQUIRED])
async def test_the_answer_chooses_one_of_our_lines(node, encryption):
    offered = keys_of(node.manager.create_session(B, encryption=encryption).local_sdp)
    profile = "RTP/SAVP" if encryption is Encryption.REQUIRED else "RTP/AVP"
    outcome = node.manager.update_remote(B, secure(crypto(2, SHORT, 9), profile=profile), is_answer=True)
    assert outcome.srtp == SHORT
    assert node.engine.named("set_srtp") == [(B, SHORT, offered[1][2], key(9))]


async def test_who_does_not_know_keys_gets_plain_audio_where_that_is_allowed(node):
    node.manager.create_session(B, encryption=Encryption.OPTIONAL)
    assert node.manager.update_remote(B, sdp(0), is_answer=True).srtp == ""
    assert node.engine.named("set_srtp") == []
    assert keys_of(node.manager.create_offer(B)) == [], "and is not asked again"


@pytest.mark.parametrize("text", [sdp(0), secure(crypto(3, SUITE, 1)), secure(crypto(1, SHORT, 1))])
async def test_an_answer_without_a_key_that_was_offered_is_refused_where_one_is_needed(node, text):
    node.manager.create_session(B, encryption=Encryption.REQUIRED)
    with pytest.raises(MediaError) as refused:
        node.manager.update_remote(B, text, is_answer=True)
    assert refused.value.reason is Reason.ENCRYPTION_REQUIRED
    assert node.engine.named("set_remote") == []


async def test_an_answer_that_chooses_what_was_not_offered_is_refused(node):
    node.manager.create_session(B, encryption=Encryption.OPTIONAL)
    with pytest.raises(MediaError) as refused:
        node.manager.update_remote(B, secure(crypto(1, SHORT, 1), profile="RTP/AVP"), is_answer=True)
    assert refused.value.reason is Reason.UNSUPPORTED_TRANSPORT


@pytest.mark.parametrize(
    "line",
    [
        f"{crypto(1, SUITE, 1)}|1:4",
        f"{crypto(1, SUITE, 1)} UNENCRYPTED_SRTCP",
        "a=crypto:1 AEAD_AES_128_GCM inline:AAAA",
    ],
)
async def test_an_answer_with_keys_that_are_of_no_use_is_not_taken_for_a_plain_one(node, line):
    node.manager.create_session(B, encryption=Encryption.OPTIONAL)
    with pytest.raises(MediaError) as refused:
        node.manager.update_remote(B, secure(line, profile="RTP/AVP"), is_answer=True)
    assert refused.value.reason is Reason.UNSUPPORTED_TRANSPORT
    assert node.engine.named("set_remote") == []


async def test_a_secure_answer_to_a_plain_offer_is_not_taken_for_a_plain_one(node):
    node.manager.create_session(B)
    with pytest.raises(MediaError) as refused:
        node.manager.update_remote(B, secure(crypto(1, SUITE, 1)), is_answer=True)
    assert refused.value.reason is Reason.UNSUPPORTED_TRANSPORT


async def test_a_key_in_the_answer_to_an_offer_without_means_nothing(node):
    node.manager.create_session(B)
    text = secure(crypto(1, SUITE, 1), profile="RTP/AVP")
    assert node.manager.update_remote(B, text, is_answer=True).srtp == ""


async def test_a_new_offer_of_the_same_keys_changes_none(node):
    first = answer(node.manager, secure(crypto(1, SUITE, 1)))
    node.manager.update_remote(A, secure(crypto(1, SUITE, 1), direction="sendonly"), is_answer=False)
    second = node.manager.create_answer(A).local_sdp
    assert keys_of(first) == keys_of(second)
    assert keys_of(node.manager.create_offer(A)) == keys_of(first), "nor does one of ours"
    assert len(node.engine.named("set_srtp")) == 1


async def test_a_new_key_of_the_remote_is_answered_with_a_new_one(node):
    first = answer(node.manager, secure(crypto(1, SUITE, 1)))
    node.manager.update_remote(A, secure(crypto(1, SUITE, 2)), is_answer=False)
    ((_, _, own),) = keys_of(node.manager.create_answer(A).local_sdp)
    assert own != keys_of(first)[0][2]
    assert node.engine.named("set_srtp")[-1] == (A, SUITE, own, key(2))


def refresh(manager: SessionManager, text: str, session: str = A) -> str:
    """Have the remote say once more what it makes of our last description; return the suite in use."""
    manager.update_remote(session, text, is_answer=False, refreshes=True)
    return manager.create_answer(session).srtp


async def test_a_new_key_in_answer_to_a_refresh_goes_with_the_key_that_the_remote_was_told(node):
    ((_, _, own),) = keys_of(answer(node.manager, secure(crypto(1, SUITE, 1))))
    for number in (2, 3):
        assert refresh(node.manager, secure(crypto(1, SUITE, number))) == SUITE
        assert node.engine.named("set_srtp")[-1] == (A, SUITE, own, key(number))
    assert keys_of(node.manager.create_offer(A)) == [("1", SUITE, own)]


async def test_another_suite_in_answer_to_a_refresh_goes_with_the_key_that_was_offered_for_it(node):
    offered = keys_of(node.manager.create_session(B, encryption=Encryption.OPTIONAL).local_sdp)
    node.manager.update_remote(B, secure(crypto(1, SUITE, 1), profile="RTP/AVP"), is_answer=True)
    assert refresh(node.manager, secure(crypto(2, SHORT, 2), profile="RTP/AVP"), B) == SHORT
    assert node.engine.named("set_srtp")[-1] == (B, SHORT, offered[1][2], key(2))
    assert refresh(node.manager, secure(crypto(1, SUITE, 3), profile="RTP/AVP"), B) == SUITE
    assert node.engine.named("set_srtp")[-1] == (B, SUITE, offered[0][2], key(3))


@pytest.mark.parametrize(
    "text",
    [
        secure(crypto(1, SHORT, 2)),
        secure(crypto(2, SUITE, 2)),
        secure(crypto(1, SUITE, 2) + "|1:4", profile="RTP/AVP"),
        sdp(0),
    ],
)
async def test_an_answer_to_a_refresh_that_fits_nothing_that_was_told_changes_nothing(node, text):
    answer(node.manager, secure(crypto(1, SUITE, 1)))
    with pytest.raises(MediaError) as refused:
        node.manager.update_remote(A, text, is_answer=False, refreshes=True)
    assert refused.value.reason is Reason.UNSUPPORTED_TRANSPORT
    assert node.manager.create_answer(A).srtp == SUITE
    assert len(node.engine.named("set_srtp")) == 1 and node.engine.named("clear_srtp") == []


async def test_a_key_that_nobody_asked_for_in_answer_to_a_refresh_means_nothing(node):
    answer(node.manager, sdp(0))
    assert refresh(node.manager, secure(crypto(1, SUITE, 1), profile="RTP/AVP")) == ""
    assert node.engine.named("set_srtp") == []


async def test_a_refresh_has_its_audio_where_our_description_has_it(node):
    answer(node.manager, sdp(0))
    secured = f"m=audio 41000 RTP/SAVP 0\r\n{crypto(1, SUITE, 1)}\r\n"
    assert refresh(node.manager, sdp(0, port=42000, more_media=secured)) == ""
    assert node.engine.named("set_remote")[-1][1] == ("198.51.100.10", 42000)


async def test_before_anything_was_agreed_on_there_is_nothing_to_refresh(node):
    node.manager.create_session(B, encryption=Encryption.OPTIONAL)
    with pytest.raises(MediaError) as refused:
        node.manager.update_remote(B, sdp(0), is_answer=False, refreshes=True)
    assert refused.value.reason is Reason.WRONG_STATE


async def test_a_remote_may_go_back_to_plain_audio(node):
    answer(node.manager, secure(crypto(1, SUITE, 1)))
    node.manager.update_remote(A, sdp(0), is_answer=False)
    assert node.manager.create_answer(A).srtp == ""
    assert node.engine.named("clear_srtp") == [(A,)]


async def test_a_remote_that_comes_back_from_plain_audio_gets_a_new_key(node):
    secured = secure(crypto(1, SUITE, 1))
    first = answer(node.manager, secured)
    node.manager.update_remote(A, sdp(0), is_answer=False)
    node.manager.create_answer(A)
    node.manager.update_remote(A, secured, is_answer=False)
    second = node.manager.create_answer(A).local_sdp
    assert keys_of(second)[0][2] != keys_of(first)[0][2]
    assert node.manager.create_answer(A).local_sdp == second, "and keeps it when it is answered again"


async def test_a_callee_that_comes_back_from_a_plain_answer_gets_a_new_key(node):
    secured = secure(crypto(1, SUITE, 9), profile="RTP/AVP")
    offered = keys_of(node.manager.create_session(B, encryption=Encryption.OPTIONAL).local_sdp)
    node.manager.update_remote(B, secured, is_answer=True)
    node.manager.create_offer(B)
    node.manager.update_remote(B, sdp(0), is_answer=True)
    node.manager.update_remote(B, secured, is_answer=False)
    ((_, _, own),) = keys_of(node.manager.create_answer(B).local_sdp)
    assert own not in [line[2] for line in offered]


async def test_a_session_that_goes_on_elsewhere_has_a_new_key_and_the_remotes_old_one(node):
    theirs = secure(crypto(1, SHORT, 5), crypto(2, SUITE, 6))
    ours = secure(crypto(2, SUITE, 7), host="192.0.2.1")
    created = node.manager.create_session(B, continues=(ours, theirs), signaling_ip="198.51.100.10")
    ((tag, suite, own),) = keys_of(created.local_sdp)
    assert (tag, suite, created.srtp) == ("2", SUITE, SUITE)
    assert own != key(7)
    assert lines_of(created.local_sdp, "m=")[0].split()[2] == "RTP/SAVP"
    assert node.engine.named("set_srtp") == [(B, SUITE, own, key(6))]
    node.manager.update_remote(B, secure(crypto(2, SUITE, 8)), is_answer=True)
    assert node.engine.named("set_srtp")[-1] == (B, SUITE, own, key(8))


async def test_a_remote_that_is_asked_back_gets_a_new_key_when_it_answers(node):
    first = answer(node.manager, secure(crypto(1, SUITE, 1)))
    offer = node.manager.create_offer(A, previous_sdp=first)
    ((_, _, own),) = keys_of(offer)
    assert own != keys_of(first)[0][2]
    assert len(node.engine.named("set_srtp")) == 1, "the old one is in use until then"
    node.manager.update_remote(A, secure(crypto(1, SUITE, 1)), is_answer=True)
    assert node.engine.named("set_srtp")[-1] == (A, SUITE, own, key(1))


async def test_encrypted_sessions_are_counted(node):
    answer(node.manager, secure(crypto(1, SUITE, 1)))
    node.manager.create_session(B)
    node.engine.sessions[A] |= {"dropped_unauthenticated": 3, "dropped_replayed": 2}
    readings = node.manager.meter.read()
    assert readings["switchboard_rtp_srtp_sessions"] == {(): 1}
    dropped = {("unauthenticated",): 3, ("replayed",): 2}
    assert readings["switchboard_rtp_srtp_dropped_total"] == dropped
    counters = node.manager.destroy(A)
    assert (counters.srtp_unauthenticated, counters.srtp_replayed) == (3, 2)
    assert node.manager.meter.read()["switchboard_rtp_srtp_dropped_total"] == dropped
