# SPDX-License-Identifier: Apache-2.0
"""Digest authentication: who is let in, as which tenant's user, and what everybody else learns."""

from dataclasses import replace

import pytest

from signaling.authentication import Authenticated, Refused
from signaling.directory import Directory
from signaling.guard import GuardConfig, MemoryGuard
from signaling.sip import digest
from signaling.tests.builders import (
    ALICE,
    ALPHA,
    BETA,
    BOB,
    CAROL,
    GONE,
    MALLORY,
    NOW,
    PASSWORD,
    answer,
    challenge_for,
    challenges,
    make_authenticator,
    make_request,
    udp,
)


@pytest.fixture
def authenticator():
    return make_authenticator()


def check(authenticator, flow=None, now=NOW, *, proxy=False, own_aor=True, **request):
    return authenticator.check(make_request(**request), flow or udp(), now, proxy=proxy, own_aor=own_aor)


def log_in(
    authenticator, user=ALICE, password=PASSWORD, *, index=0, flow=None, now=NOW, request=None, **changes
):
    """Ask, answer the challenge, and return what came of it."""
    request = request or {}
    challenge = challenge_for(authenticator, flow, index=index, now=now, **request)
    method, uri = request.get("method", "REGISTER"), request.get("uri", "sip:alpha.example")
    credentials = answer(challenge, user, password, method=method, uri=uri, **changes)
    return check(authenticator, flow, now, Authorization=credentials, **request)


def text(result):
    """Return an answer without what differs from one challenge to the next."""
    response = result.response
    return (
        response.status,
        response.reason,
        [(c.realm, c.stale, c.algorithm, c.qop) for c in challenges(response)],
    )


@pytest.mark.parametrize(("proxy", "status"), [(False, 401), (True, 407)])
def test_it_challenges_with_every_algorithm_in_the_configured_order(proxy, status):
    authenticator = make_authenticator(algorithms=("SHA-256", "MD5"))
    result = check(authenticator, proxy=proxy)
    assert result.response.status == status
    assert [c.algorithm for c in challenges(result.response)] == ["SHA-256", "MD5"]
    assert {c.realm for c in challenges(result.response)} == {"alpha.example"}
    assert all(c.qop == ("auth",) and not c.stale for c in challenges(result.response))


def test_it_offers_md5_alone_to_phones_that_give_up_on_more():
    authenticator = make_authenticator(md5_only_agents=("oldphone v1",))
    offered = {
        agent: [c.algorithm for c in challenges(check(authenticator, **{"User-Agent": agent}).response)]
        for agent in ("oldphone v1.0.0 (x86)", "newphone v4")
    }
    assert offered == {"oldphone v1.0.0 (x86)": ["MD5"], "newphone v4": ["MD5", "SHA-256"]}


@pytest.mark.parametrize("index", [0, 1])
def test_it_lets_the_right_password_in_with_either_algorithm(authenticator, index):
    assert log_in(authenticator, index=index) == Authenticated(ALICE, ALPHA)


def test_it_accepts_credentials_in_either_header(authenticator):
    challenge = challenge_for(authenticator)
    result = check(authenticator, proxy=True, Authorization=answer(challenge, ALICE))
    assert isinstance(result, Authenticated)


def test_it_finds_its_realm_among_credentials_for_others(authenticator):
    right = answer(challenge_for(authenticator), ALICE)
    other = right.replace("alpha.example", "proxy.example")
    result = check(authenticator, Authorization=["Basic Zm9v", "Digest nonsense", other, right])
    assert isinstance(result, Authenticated)


def test_it_looks_at_a_bounded_number_of_credentials(authenticator):
    right = answer(challenge_for(authenticator), ALICE)
    result = check(authenticator, Authorization=["Basic Zm9v"] * 20 + [right])
    assert result.response.status == 401


def proofs(authenticator, monkeypatch):
    """Collect what the guard is told of the failures of an authenticator."""
    told = []
    guard = authenticator._guard
    monkeypatch.setattr(guard, "failed", lambda *_, proven=False: told.append(proven))
    return told


@pytest.mark.parametrize("user", [ALICE, "nobody"])
def test_wrong_credentials_for_a_challenge_of_ours_prove_the_source(authenticator, monkeypatch, user):
    told = proofs(authenticator, monkeypatch)
    log_in(authenticator, user, "wrong")
    assert told == [True]


def test_wrong_credentials_without_a_challenge_to_this_address_prove_nothing_over_udp(
    authenticator, monkeypatch
):
    told = proofs(authenticator, monkeypatch)
    elsewhere = challenge_for(authenticator, udp("198.51.100.1"))
    made_up = replace(elsewhere, nonce="18c2f0a1b2c-abc-" + "0" * 32)
    old = challenge_for(authenticator, now=NOW - 301)
    for challenge in (elsewhere, made_up, old):
        check(authenticator, udp("203.0.113.7"), Authorization=answer(challenge, ALICE, "wrong"))
    assert told == [False] * 3


def test_wrong_credentials_over_a_connection_prove_the_source(authenticator, monkeypatch):
    told = proofs(authenticator, monkeypatch)
    elsewhere = challenge_for(authenticator, udp("198.51.100.1"))
    flow = udp("203.0.113.7")._replace(transport="tcp", connection=7)
    check(authenticator, flow, Authorization=answer(elsewhere, ALICE, "wrong"))
    assert told == [True]


def test_unknown_user_and_wrong_password_look_the_same(authenticator):
    answers = {
        str(text(log_in(authenticator, user, password, flow=udp(f"198.51.100.{n}"))))
        for n, (user, password) in enumerate(
            [
                (ALICE, "wrong"),
                ("nobody", PASSWORD),
                (GONE, "wrong"),
                ("nobody", "wrong"),
                (MALLORY, PASSWORD),
            ]
        )
    }
    assert len(answers) == 1
    assert "401" in answers.pop()


def test_it_does_the_same_work_for_unknown_and_known_users(authenticator, monkeypatch):
    hashed = []
    real = digest._hash
    monkeypatch.setattr(
        digest, "_hash", lambda algorithm, data: hashed.append(algorithm) or real(algorithm, data)
    )

    def hashes(user, flow):
        credentials = answer(challenge_for(authenticator, flow), user, "wrong")
        hashed.clear()
        check(authenticator, flow, Authorization=credentials)
        return list(hashed)

    assert hashes(ALICE, udp()) == hashes("nobody", udp("198.51.100.8")) == hashes(GONE, udp("198.51.100.9"))
    assert hashed


def test_it_refuses_a_disabled_account_only_after_the_right_password(authenticator):
    request = {"uri": "sip:closed.example", "from_": "sip:carol@closed.example"}
    assert log_in(authenticator, CAROL, "wrong", request=request).response.status == 401
    refused = log_in(authenticator, CAROL, request=request).response
    assert (refused.status, refused.reason) == (403, "Account Disabled")


def test_it_refuses_a_disabled_user_only_after_the_right_password(authenticator):
    assert log_in(authenticator, GONE, "wrong").response.status == 401
    refused = log_in(authenticator, GONE).response
    assert (refused.status, refused.reason) == (403, "User Disabled")


# --- Nonces ------------------------------------------------------------------------------------------------------


def test_it_says_stale_when_the_nonce_is_old_and_the_password_right(authenticator):
    challenge = challenge_for(authenticator)
    result = check(authenticator, now=NOW + 301, Authorization=answer(challenge, ALICE))
    assert [c.stale for c in challenges(result.response)] == [True, True]
    fresh = challenges(result.response)[0]
    assert isinstance(check(authenticator, now=NOW + 301, Authorization=answer(fresh, ALICE)), Authenticated)


def test_it_says_nothing_of_stale_to_who_does_not_know_the_password(authenticator):
    challenge = challenge_for(authenticator)
    result = check(authenticator, now=NOW + 301, Authorization=answer(challenge, ALICE, "wrong"))
    assert not any(c.stale for c in challenges(result.response))


def test_it_does_not_let_a_forged_nonce_in(authenticator):
    challenge = replace(challenge_for(authenticator), nonce="18d3f0-salt-" + "0" * 32)
    assert check(authenticator, Authorization=answer(challenge, ALICE)).response.status == 401


def test_it_does_not_take_a_nonce_from_another_address_or_realm(authenticator):
    challenge = challenge_for(authenticator, udp("198.51.100.7"))
    result = check(authenticator, udp("203.0.113.9"), Authorization=answer(challenge, ALICE))
    assert result.response.status == 401


def test_it_accepts_each_count_of_a_nonce_once(authenticator):
    challenge = challenge_for(authenticator)
    first, second = answer(challenge, ALICE, nc=1), answer(challenge, ALICE, nc=2)
    assert isinstance(check(authenticator, Authorization=first), Authenticated)
    replayed = check(authenticator, Authorization=first)
    assert all(c.stale for c in challenges(replayed.response))
    assert isinstance(check(authenticator, Authorization=second), Authenticated)


def test_it_accepts_old_phones_without_qop_once_per_nonce(authenticator):
    old = replace(challenge_for(authenticator), qop=())
    credentials = answer(old, ALICE)
    assert "qop" not in credentials and "nc" not in credentials.split("nonce=")[1].split(",", 1)[1]
    assert isinstance(check(authenticator, Authorization=credentials), Authenticated)
    assert check(authenticator, Authorization=credentials).response.status == 401


def test_it_wants_qop_with_sha_256(authenticator):
    challenge = replace(challenge_for(authenticator, index=1), qop=())
    assert check(authenticator, Authorization=answer(challenge, ALICE)).response.status == 401


def test_it_refuses_an_algorithm_that_it_does_not_offer():
    authenticator = make_authenticator(algorithms=("SHA-256",))
    weak = replace(challenge_for(authenticator), algorithm="MD5")
    assert check(authenticator, Authorization=answer(weak, ALICE)).response.status == 401


def test_it_keeps_nothing_for_requests_that_are_refused(authenticator):
    for n in range(50):
        log_in(authenticator, f"user{n}", "wrong", flow=udp(f"198.51.100.{n}"))
        check(authenticator, udp(f"198.51.100.{n}"))
    assert len(authenticator._counter) == 0


# --- Digest URI --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "digest_uri",
    [
        "sip:alpha.example",
        "sip:alpha.example:5060",
        "sip:alpha.example;transport=UDP",
        "sips:alpha.example",
        "sip:192.0.2.1;transport=UDP",
    ],
)
def test_it_accepts_a_digest_uri_that_means_the_same(authenticator, digest_uri):
    result = check(authenticator, Authorization=answer(challenge_for(authenticator), ALICE, uri=digest_uri))
    assert isinstance(result, Authenticated)


@pytest.mark.parametrize("digest_uri", ["sip:beta.example", "sip:bob@alpha.example", "nonsense", "tel:+4930"])
def test_it_refuses_a_digest_uri_for_something_else(authenticator, digest_uri):
    result = check(authenticator, Authorization=answer(challenge_for(authenticator), ALICE, uri=digest_uri))
    assert result.response.status == 400


def test_it_accepts_a_digest_uri_without_the_user_that_is_called(authenticator):
    request = {"method": "INVITE", "uri": "sip:1002@alpha.example"}
    credentials = answer(
        challenge_for(authenticator, **request), ALICE, method="INVITE", uri="sip:192.0.2.1;transport=UDP"
    )
    assert isinstance(check(authenticator, Authorization=credentials, **request), Authenticated)


# --- Tenants and addresses of record --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "uri", "from_", "realm"),
    [
        ("REGISTER", "sip:beta.example", "sip:x@beta.example", "beta.example"),
        ("REGISTER", "sip:192.0.2.1", "sip:x@beta.example", "beta.example"),
        ("REGISTER", "sip:192.0.2.1", "sip:x@192.0.2.1", "alpha.example"),
        ("INVITE", "sip:5@192.0.2.1", "sip:x@beta.example", "beta.example"),
        ("INVITE", "sip:5@beta.example", "sip:x@192.0.2.1", "beta.example"),
        ("INVITE", "sip:5@beta.example", "sip:x@closed.example", "closed.example"),
        ("INVITE", "sip:5@192.0.2.1", "sip:x@192.0.2.1", "alpha.example"),
        ("INVITE", "tel:+4930", "sip:x@beta.example", "beta.example"),
    ],
)
def test_it_chooses_the_tenant_by_domain_and_falls_back_to_the_default(
    authenticator, method, uri, from_, realm
):
    assert challenge_for(authenticator, method=method, uri=uri, from_=from_).realm == realm


def test_it_answers_404_when_there_is_no_account_at_all(authenticator):
    authenticator._directory = Directory(source=None, default_domain="x", poll_s=60)
    assert check(authenticator).response.status == 404


@pytest.mark.parametrize(
    "to", ["sip:alice@alpha.example", "sip:1001@alpha.example", "sip:alice@192.0.2.1:5060"]
)
def test_a_user_may_register_its_own_address(authenticator, to):
    assert log_in(authenticator, request={"from_": to}) == Authenticated(ALICE, ALPHA)


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("sip:bob@alpha.example", "sip:bob@alpha.example"),
        ("sip:alice@alpha.example", "sip:bob@alpha.example"),
        ("sip:bob@alpha.example", "sip:alice@alpha.example"),
        ("sip:alice@alpha.example", "sip:1002@alpha.example"),
        ("sip:alice@alpha.example", "sip:alice@beta.example"),
        ("sip:alice@alpha.example", "sip:alpha.example"),
        ("sip:alice@alpha.example", "tel:1001"),
    ],
)
def test_a_user_may_not_register_for_another(authenticator, from_, to):
    refused = log_in(authenticator, request={"from_": from_, "to": to}).response
    assert (refused.status, refused.reason) == (403, "Not Your Address")


def test_a_user_may_not_call_under_anothers_name(authenticator):
    request = {"method": "INVITE", "uri": "sip:5@alpha.example", "from_": "sip:bob@alpha.example"}
    assert log_in(authenticator, ALICE, request=request).response.status == 403
    assert log_in(authenticator, BOB, request=request) == Authenticated(BOB, ALPHA)


def test_a_caller_may_withhold_its_name(authenticator):
    request = {"method": "INVITE", "uri": "sip:5@beta.example", "from_": "sip:anonymous@anonymous.invalid"}
    assert log_in(authenticator, MALLORY, request=request) == Authenticated(MALLORY, BETA)


def test_a_request_within_a_dialog_may_carry_the_number_that_was_dialled(authenticator):
    request = {"method": "INFO", "uri": "sip:192.0.2.1", "from_": "sip:500@alpha.example"}
    challenge = challenge_for(authenticator, **request)
    credentials = answer(challenge, ALICE, method="INFO", uri="sip:192.0.2.1")
    assert check(authenticator, Authorization=credentials, own_aor=False, **request) == Authenticated(
        ALICE, ALPHA
    )


def test_nobody_crosses_tenants(authenticator):
    """Mallory of beta has the same extension and password as Alice of alpha."""
    into_alpha = {"uri": "sip:alpha.example", "from_": "sip:alice@alpha.example"}
    assert isinstance(log_in(authenticator, "mallory", request=into_alpha), Refused)
    assert log_in(authenticator, ALICE, request=into_alpha) == Authenticated(ALICE, ALPHA)
    own_realm = {"uri": "sip:beta.example", "from_": "sip:mallory@beta.example"}
    stolen = {**own_realm, "to": "sip:alice@alpha.example"}
    assert log_in(authenticator, MALLORY, request=own_realm) == Authenticated(MALLORY, BETA)
    assert log_in(authenticator, MALLORY, request=stolen).response.status == 403


# --- Limits --------------------------------------------------------------------------------------------------------


def test_it_refuses_a_guessing_source_without_a_check():
    authenticator = make_authenticator(guard=MemoryGuard(GuardConfig(auth_failures_per_minute=3)))
    statuses = [log_in(authenticator, BOB, "wrong").response.status for _ in range(5)]
    assert statuses == [401, 401, 401, 403, 403]
    assert log_in(authenticator, ALICE).response.status == 403
    assert isinstance(log_in(authenticator, ALICE, flow=udp("203.0.113.1")), Authenticated)


def test_it_bounds_guesses_at_a_user_from_many_sources_and_lets_the_owner_in():
    authenticator = make_authenticator(guard=MemoryGuard(GuardConfig(password_guesses_per_day=10)))
    home = udp("203.0.113.1")
    assert isinstance(log_in(authenticator, flow=home), Authenticated)
    statuses = [
        log_in(authenticator, ALICE, "wrong", flow=udp(f"10.0.0.{n}")).response.status for n in range(20)
    ]
    assert 403 in statuses and statuses.count(401) <= 10
    assert isinstance(log_in(authenticator, flow=home), Authenticated)


def test_it_limits_unknown_users_the_same_way():
    def statuses(user):
        authenticator = make_authenticator(guard=MemoryGuard(GuardConfig(password_guesses_per_day=4)))
        return [
            log_in(authenticator, user, "wrong", flow=udp(f"10.0.0.{n}")).response.status for n in range(9)
        ]

    assert statuses(ALICE) == statuses("nobody")


def test_an_answer_is_no_larger_than_ten_times_the_request(authenticator):
    request = make_request()
    result = authenticator.check(request, udp(), NOW, proxy=False)
    assert len(result.response.to_bytes()) < 10 * len(request.to_bytes())
