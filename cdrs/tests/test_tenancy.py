# SPDX-License-Identifier: Apache-2.0
"""Nobody reads the calls of an account that they do not belong to, on any page of calls."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.access import Membership
from accounts.tests.people import MEMBERS, People, make_people
from cdrs.models import CDR
from cdrs.tests.factories import NOON, make_answered

pytestmark = pytest.mark.django_db

PAGES = ("changelist", "report", "export", "export_csv", "export_progress")


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def calls(people: People) -> dict[str, CDR]:
    """One call in each account, and one in none."""
    return {
        "alpha": make_answered(account=people.alpha, caller_name="CallOfAlpha", route_id="alphas-route"),
        "beta": make_answered(account=people.beta, caller_name="CallOfBeta", route_id="betas-route"),
        "none": make_answered(caller_name="CallOfNobody"),
    }


def get(client: Client, name: str, **query: str) -> tuple[int, str]:
    response = client.get(reverse(f"admin:cdrs_cdr_{name}"), query)
    body = b"".join(response) if response.streaming else response.content
    return response.status_code, body.decode()


def client_of(people: People, name: str) -> Client:
    login = people[name]
    login.is_staff = True
    login.save()
    client = Client()
    client.force_login(login, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("page", ["changelist", "export_csv"])
def test_members_of_any_role_read_the_calls_of_their_account_alone(
    people: People, calls: dict[str, CDR], name: str, page: str
) -> None:
    own, other = ("Alpha", "Beta") if MEMBERS[name][0] == "alpha" else ("Beta", "Alpha")
    status, text = get(client_of(people, name), page)
    assert status == 200 and f"CallOf{own}" in text
    assert f"CallOf{other}" not in text and "CallOfNobody" not in text


@pytest.mark.parametrize("page", ["changelist", "export_csv"])
@pytest.mark.parametrize(
    "query", [{"q": "CallOfBeta"}, {"q": "1001"}, {"route": "betas-route"}, {"account": "beta"}]
)
def test_no_condition_leads_to_calls_of_another_account(
    people: People, calls: dict[str, CDR], page: str, query: dict[str, str]
) -> None:
    asked = {key: str(people.beta.pk) if value == "beta" else value for key, value in query.items()}
    _, text = get(client_of(people, "alice"), page, **asked)
    rows = text.split("calls-table")[-1] if page == "changelist" else text
    assert "CallOfBeta</small>" not in rows and str(calls["beta"].pk) not in text


def test_no_place_in_the_list_leads_to_calls_of_another_account(
    people: People, calls: dict[str, CDR]
) -> None:
    client = client_of(people, "alice")
    for side in "<>":
        _, text = get(client, "changelist", at=f"{side}4102444800000000-{'0' * 32}")
        assert "CallOfBeta" not in text


def test_the_page_of_a_call_of_another_account_is_not_there(people: People, calls: dict[str, CDR]) -> None:
    client = client_of(people, "alice")
    assert client.get(reverse("admin:cdrs_cdr_change", args=[calls["alpha"].pk])).status_code == 200
    for name in ("beta", "none"):
        response = client.get(reverse("admin:cdrs_cdr_change", args=[calls[name].pk]), follow=True)
        assert "CallOf" not in response.content.decode().replace("CallOfAlpha", "")


def test_a_number_by_itself_does_not_tell_that_another_account_has_it(
    people: People, calls: dict[str, CDR]
) -> None:
    CDR.objects.filter(pk=calls["beta"].pk).update(caller_number="77", call_id="secret-id")
    client = client_of(people, "alice")
    for text in ("77", "secret-id"):
        assert "No call meets these conditions" in get(client, "changelist", q=text)[1]


@pytest.mark.parametrize("account", ["", "beta"])
def test_the_report_counts_the_calls_of_the_own_account_alone(
    people: People, calls: dict[str, CDR], account: str
) -> None:
    day = f"{NOON:%Y-%m-%d}"
    make_answered(account=people.beta)
    asked = {"account": str(people.beta.pk)} if account else {}
    _, text = get(client_of(people, "alice"), "report", **{"from": day, "to": day}, **asked)
    assert "<strong>1</strong>" in text and "Beta" not in text


def test_the_export_page_counts_the_calls_of_the_own_account_alone(
    people: People, calls: dict[str, CDR]
) -> None:
    assert "1 call." in get(client_of(people, "alice"), "export")[1]
    assert "3 calls." in get(client_of(people, "root"), "export")[1]


@pytest.mark.parametrize("page", PAGES)
def test_whoever_belongs_to_no_account_opens_no_page(
    people: People, calls: dict[str, CDR], page: str
) -> None:
    assert get(client_of(people, "nobody"), page)[0] == 403
    assert Client().get(reverse(f"admin:cdrs_cdr_{page}")).status_code == 302


def test_whoever_left_an_account_reads_its_calls_no_more(people: People, calls: dict[str, CDR]) -> None:
    client = client_of(people, "bob")
    assert get(client, "changelist")[0] == 200
    Membership.objects.filter(user=people["bob"]).delete()
    assert get(client, "changelist")[0] == 403


def test_members_of_several_accounts_choose_among_them_alone(people: People, calls: dict[str, CDR]) -> None:
    Membership.objects.create(user=people["bob"], account=people.beta, role="viewer")
    _, text = get(client_of(people, "bob"), "changelist")
    assert "CallOfAlpha" in text and "CallOfBeta" in text and "CallOfNobody" not in text
    _, text = get(client_of(people, "bob"), "changelist", account=str(people.beta.pk))
    assert "CallOfAlpha" not in text and "CallOfBeta" in text


def test_links_to_routes_are_shown_to_those_alone_who_may_see_them(
    people: People, calls: dict[str, CDR]
) -> None:
    from dialplan.models import Route

    Route.objects.create(id="alphas-route", name="Way out", pattern="0*", account=people.alpha)
    url = reverse("admin:cdrs_cdr_change", args=[calls["alpha"].pk])
    assert "Way out" in client_of(people, "vera").get(url).content.decode()
    assert "Way out" not in client_of(people, "bob").get(url).content.decode()
