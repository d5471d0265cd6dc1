# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.access import ApiToken, Membership
from accounts.choices import Scope
from accounts.models import Account
from accounts.tests.people import People, make_people
from accounts.tests.rest import Rest
from accounts.tokens import verify

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def test_a_platform_admin_makes_changes_and_deletes_an_account(people: People) -> None:
    root = Rest(people.token("root"))
    made = root.post("accounts", {"name": "Gamma", "domain": "gamma.example", "max_concurrent_calls": 5})
    assert (made.status, made.body["domain"], made.body["realm"]) == (201, "gamma.example", "gamma.example")
    url = f"accounts/{made.body['id']}"
    assert root.patch(url, {"enabled": False}).body["enabled"] is False
    assert root.delete(url).status == 204
    assert root.get(url).status == 404


def test_an_account_admin_renames_the_account_and_leaves_its_limits(people: People) -> None:
    alice = Rest(people.token("alice"))
    url = f"accounts/{people.alpha.pk}"
    assert alice.patch(url, {"name": "New name"}).body["name"] == "New name"
    for field, value in (("domain", "evil.example"), ("enabled", False), ("max_concurrent_calls", 0)):
        answer = alice.patch(url, {field: value})
        assert (answer.status, answer.body["error"]) == (403, f"Only a platform admin may set {field}.")
    assert alice.delete(url).status == 403
    assert alice.post("accounts", {"name": "X", "domain": "x.example"}).status == 403
    assert Account.objects.get(pk=people.alpha.pk).domain == "alpha.example"


@pytest.mark.parametrize("domain", ["alpha.example", "ALPHA.example", "a b", ""])
def test_a_domain_that_cannot_be_used_is_refused(people: People, domain: str) -> None:
    answer = Rest(people.token("root")).post("accounts", {"name": "X", "domain": domain})
    assert (answer.status, list(answer.body["fields"])) == (400, ["domain"])


def test_a_token_is_made_shown_once_and_revoked(people: People) -> None:
    alice = Rest(people.token("alice"))
    made = alice.post("tokens", {"name": "wallboard", "scopes": ["read"]})
    assert made.status == 201
    assert verify(made.body["token"]).user == people["alice"]
    url = f"tokens/{made.body['id']}"
    assert made.body["token"] not in str(alice.get(url).body) + str(alice.get("tokens").body)
    assert alice.delete(url).status == 204
    assert alice.get(url).body["revoked_at"] is not None
    assert Rest(made.body["token"]).get("me").status == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["all"]}, "scopes[0]"),
        ({"name": "x"}, "scopes"),
        ({"scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00Z"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "rate_per_minute": 0}, "rate_per_minute"),
    ],
)
def test_a_token_that_cannot_be_is_refused(people: People, body: dict[str, Any], field: str) -> None:
    answer = Rest(people.token("alice")).post("tokens", body)
    assert (answer.status, list(answer.body["fields"])) == (400, [field])


def test_a_token_makes_no_token_that_reaches_further_or_lives_longer(people: People) -> None:
    alice = people["alice"]
    Membership.objects.create(user=alice, account=people.beta, role="admin")
    row, text = people.token_row("alice", Scope.READ, Scope.WRITE, account=people.alpha)
    row.expires_at = timezone.now() + timedelta(days=1)
    row.save()
    bound = Rest(text)
    assert list(bound.post("tokens", {"name": "x", "scopes": ["calls"]}).body["fields"]) == ["scopes"]
    assert bound.post("tokens", {"name": "x", "scopes": ["all"]}).body["fields"] == {
        "scopes[0]": ["“all” is no scope; there are read, write, calls, cdrs."]
    }
    foreign = {"name": "x", "scopes": ["read"], "account": str(people.beta.pk)}
    assert list(bound.post("tokens", foreign).body["fields"]) == ["account"]
    assert bound.post("tokens", {"name": "x", "scopes": ["read"]}).status == 201
    made = ApiToken.objects.get(name="x")
    assert (made.account, made.expires_at) == (people.alpha, row.expires_at)


def test_a_token_lives_a_year_unless_something_else_is_said(people: People) -> None:
    row, text = people.token_row("alice", Scope.READ, Scope.WRITE)
    row.expires_at = None
    row.save()
    for given, days in (({}, 365), ({"expires_at": None}, None)):
        made = Rest(text).post("tokens", {"name": "x", "scopes": ["read"], **given}).body
        expires_at = ApiToken.objects.get(pk=made["id"]).expires_at
        left = None if expires_at is None else expires_at - timezone.now()
        assert left is None if days is None else left and timedelta(days - 1) < left <= timedelta(days)


def test_the_caller_is_told_who_it_is(people: People) -> None:
    body = Rest(people.token("bob", Scope.CALLS)).get("me").body
    assert (body["login"], body["platform"], body["scopes"]) == ("bob", False, ["calls"])
    [account] = body["accounts"]
    assert (account["id"], account["role"]) == (str(people.alpha.pk), "operator")
    assert account["permissions"] == ["view_live", "hang_up", "record"]
    assert Rest(people.token("root")).get("me").body["platform"] is True


def test_a_request_without_a_token_is_told_what_is_missing() -> None:
    for token, error in (
        ("", "An API token is needed: Authorization: Bearer TOKEN."),
        ("nonsense", "This is no token of this installation."),
    ):
        answer = Rest(token).get("users")
        assert answer.status == 401
        assert answer.body == {"error": error, "code": "UNAUTHENTICATED"}
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_over_its_rate_is_told_how_long_to_wait(people: People) -> None:
    row, text = people.token_row("alice")
    row.rate_per_minute = 2
    row.save()
    rest = Rest(text)
    statuses = [rest.get("me").status for _ in range(5)]
    # The minute may end in between.
    assert statuses.count(429) >= 1
    answer = next(a for a in (rest.get("me") for _ in range(5)) if a.status == 429)
    assert answer.body["code"] == "RATE_LIMITED"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("method", "path"), [("delete", "cdrs"), ("post", "registrations"), ("put", "users"), ("patch", "me")]
)
def test_a_method_that_an_address_does_not_have_is_told_as_such(
    people: People, method: str, path: str
) -> None:
    answer = Rest(people.token("alice"))(method, path)
    assert (answer.status, answer.body["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["Allow"]
    assert Rest()(method, path).status == 401


def test_an_address_that_is_none_is_told_in_json(people: People) -> None:
    answer = Rest(people.token("root")).get("nothing")
    assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")


def test_a_browser_session_may_use_the_api_and_needs_its_csrf_token(people: People) -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(people["alice"])
    assert client.get("/api/v1/users").status_code == 200
    response = client.post("/api/v1/users", {"extension": "1"}, content_type="application/json")
    assert response.status_code == 403
    assert response.json()["code"] == "FORBIDDEN"
