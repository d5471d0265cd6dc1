# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import timezone

from accounts import tokens
from accounts.access import ApiToken, Membership
from accounts.choices import Permission, Scope
from accounts.tenancy import tenant_ids
from accounts.tests.people import People, make_people
from accounts.tokens import TokenRefused, issue, revoke, verify

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    tokens.forget()
    return make_people()


def reason(text: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        verify(text)
    return str(caught.value)


def test_a_token_stands_for_its_owner(people: People) -> None:
    row, text = people.token_row("alice")
    verified = verify(text)
    assert (verified.token, verified.user) == (row, people["alice"])
    assert verified.access.tenant_ids == frozenset({str(people.alpha.pk)})


def test_a_token_is_stored_as_a_hash_alone(people: People) -> None:
    _, text = people.token_row("alice")
    stored = str(list(ApiToken.objects.values()))
    assert text not in stored
    assert text[len(tokens.MARK) :] not in stored
    assert text[: tokens.SHOWN] in stored


def test_tokens_differ(people: People) -> None:
    assert len({people.token("alice") for _ in range(20)}) == 20


def test_the_owner_answers_for_the_token(people: People) -> None:
    member = people["alice"]
    Membership.objects.create(user=member, account=people.beta, role="admin")
    text = people.token("alice", Scope.READ, account=people.beta)
    verified = verify(text)
    assert tenant_ids(verified.user) == frozenset({str(people.beta.pk)})
    assert not verified.access.may(Permission.CHANGE_CONFIG, people.beta.pk)


@pytest.mark.parametrize("text", ["", "sbt_", "sbt_" + "a" * 46, "Basic x", "sbt_" + "é" * 46, "x" * 100_000])
def test_what_is_no_token_is_refused_without_a_query(text: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert reason(text) == "This is no token of this installation."


def test_a_mistyped_token_is_refused_without_a_query(people: People, django_assert_num_queries: Any) -> None:
    text = people.token("alice")
    wrong = text[:-10] + ("a" if text[-10] != "a" else "b") + text[-9:]
    with django_assert_num_queries(0):
        assert reason(wrong) == "This is no token of this installation."


def test_an_unknown_token_is_refused(people: People) -> None:
    row, text = people.token_row("alice")
    row.delete()
    assert reason(text) == "This token is unknown."


def test_an_expired_token_is_refused_at_once(people: People) -> None:
    now = timezone.now()
    _, text = issue(people["alice"], name="x", scopes=["read"], expires_at=now + timedelta(seconds=5))
    verify(text, now)
    with pytest.raises(TokenRefused, match="expired"):
        verify(text, now + timedelta(seconds=5))


def test_a_revoked_token_is_refused_at_once_in_this_process(people: People) -> None:
    row, text = people.token_row("alice")
    verify(text)
    revoke(row)
    assert reason(text) == "This token was revoked."
    assert ApiToken.objects.get().revoked_at is not None


def test_a_token_of_a_closed_login_is_refused(people: People) -> None:
    text = people.token("alice")
    verify(text)
    alice = people["alice"]
    alice.is_active = False
    alice.save()
    assert reason(text) == "The owner of this token may not log in any more."


def test_verifying_costs_one_query_in_ten_seconds(
    people: People, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = people.token("alice")
    clock = [1000.0]
    monkeypatch.setattr("accounts.tokens.time.monotonic", lambda: clock[0])
    verify(text)
    with django_assert_num_queries(0):
        for _ in range(100):
            clock[0] += 0.09
            verify(text)
    clock[0] += 2
    with django_assert_num_queries(1):
        verify(text)


def test_use_is_noted_once_a_minute(people: People) -> None:
    row, text = people.token_row("alice")
    now = timezone.now()
    for after_s, noted_s in ((0, 0), (59, 0), (60, 60)):
        verify(text, now + timedelta(seconds=after_s))
        row.refresh_from_db()
        assert row.last_used_at == now + timedelta(seconds=noted_s)


def test_a_token_counts_on_while_the_database_is_away(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, other = people.token("alice"), people.token("bob")
    clock = [1000.0]
    monkeypatch.setattr("accounts.tokens.time.monotonic", lambda: clock[0])
    verify(text)

    def away(digest: str) -> None:
        raise DatabaseError

    monkeypatch.setattr(tokens, "_read", away)
    clock[0] += 600
    assert verify(text).user == people["alice"]
    with pytest.raises(DatabaseError):
        verify(other)
    clock[0] += tokens.OUTAGE_S
    with pytest.raises(DatabaseError):
        verify(text)


@pytest.mark.parametrize("scopes", [[], ["all"], ["read", "everything"]])
def test_a_token_without_a_known_scope_is_not_made(people: People, scopes: list[str]) -> None:
    with pytest.raises(ValidationError):
        issue(people["alice"], name="x", scopes=scopes)
    assert not ApiToken.objects.exists()
