# SPDX-License-Identifier: Apache-2.0
"""Bans for people and programs: the page of the admin, REST, the command, and the doctor."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import make_people
from accounts.tests.rest import Rest
from signaling.bans.row import Ban, Origin
from switchboard.doctor.bans import bans as check

pytestmark = pytest.mark.django_db
IP = "203.0.113.7"
LIST, ADD = "admin:signaling_ban_changelist", "admin:signaling_ban_add"


def make_ban(network=IP, **values):
    return Ban.objects.create(**{"network": network, "reason": "a reason", "banned_by": "sip-1", **values})


def page_of(client, **query):
    return client.get(reverse(LIST), query).content.decode()


def test_the_empty_page_says_what_will_stand_there(admin_client):
    assert "banned by itself for a while" in page_of(admin_client)


def test_the_list_says_who_why_until_when_and_by_whom(admin_client):
    in_an_hour = timezone.now() + timedelta(hours=1, seconds=30)
    make_ban(origin=Origin.AUTOMATIC, expires_at=in_an_hour, refused=12345)
    make_ban("198.51.100.0/24", banned_by="root", reason="<b>noise</b>")
    page = page_of(admin_client)
    for text in (IP, "a reason", "60 min more", "sip-1, by itself", "12\u202f345", "Unban"):
        assert text in page
    for text in ("198.51.100.0/24", "it is lifted", "&lt;b&gt;noise"):
        assert text in page


def test_typing_an_address_finds_the_network_that_holds_it(admin_client):
    make_ban("198.51.100.0/24")
    make_ban()
    found = admin_client.get(reverse(LIST), {"q": "198.51.100.77"}).context["cl"].result_list
    assert [ban.network for ban in found] == ["198.51.100.0/24"]


@pytest.mark.parametrize(("state", "networks"), [("in-force", [IP]), ("ended", ["198.51.100.1"])])
def test_bans_in_force_and_ended_ones_can_be_told_apart(admin_client, state, networks):
    make_ban()
    make_ban("198.51.100.1", expires_at=timezone.now())
    found = admin_client.get(reverse(LIST), {"state": state}).context["cl"].result_list
    assert [ban.network for ban in found] == networks


def test_a_network_is_banned_by_hand_for_a_time(admin_client, admin_user):
    form = {"network": "203.0.113.0/24", "reason": "scans", "lasts": "86400"}
    assert admin_client.post(reverse(ADD), form).status_code == 302
    ban = Ban.objects.get()
    assert (ban.network, ban.banned_by, ban.origin) == ("203.0.113.0/24", admin_user.username, "manual")
    assert timedelta(hours=23) < ban.expires_at - timezone.now() <= timedelta(hours=24)
    assert ban.history.latest().history_user == admin_user


def test_the_form_says_what_is_wrong(admin_client):
    make_ban()
    for network, sentence in ((IP, "has a ban already"), ("127.0.0.1", "never banned"), ("x", "no address")):
        response = admin_client.post(reverse(ADD), {"network": network, "reason": "x", "lasts": "lifted"})
        assert sentence in response.context["adminform"].form.errors["network"][0]


def test_a_source_whose_ban_has_ended_is_banned_again(admin_client):
    old = make_ban(expires_at=timezone.now() - timedelta(days=1), offences=2)
    form = {"network": IP, "reason": "again", "lasts": "lifted"}
    assert admin_client.post(reverse(ADD), form).status_code == 302
    old.refresh_from_db()
    assert (old.reason, old.in_force, old.offences) == ("again", True, 2)


def test_a_ban_is_made_longer_and_its_source_stays(admin_client):
    ban = make_ban(expires_at=timezone.now() + timedelta(minutes=5))
    address = reverse("admin:signaling_ban_change", args=[ban.pk])
    form = {"network": "10.9.9.9", "reason": "worse", "lasts": "unchanged"}
    before = ban.expires_at
    assert admin_client.post(address, form).status_code == 302
    ban.refresh_from_db()
    assert (ban.network, ban.reason, ban.expires_at, ban.banned_by) == (IP, "worse", before, "sip-1")
    admin_client.post(address, {**form, "lasts": "lifted"})
    ban.refresh_from_db()
    assert ban.expires_at is None


def test_a_source_is_unbanned_from_the_list_and_that_is_kept(admin_client, admin_user):
    ban = make_ban()
    data = {"action": "unban", "_selected_action": str(ban.pk)}
    answer = admin_client.post(reverse(LIST), data, follow=True).content.decode()
    assert "Unbanned: 1." in answer
    assert not Ban.objects.exists()
    gone = Ban.history.latest()
    assert (gone.history_type, gone.history_user, gone.network) == ("-", admin_user, IP)


def test_the_button_of_a_ban_asks_in_words_and_then_unbans(admin_client):
    ban = make_ban()
    address = reverse("admin:signaling_ban_delete", args=[ban.pk])
    assert address in page_of(admin_client)
    asked = admin_client.get(address).content.decode()
    assert "Unban <span" in asked
    assert "a reason" in asked
    assert Ban.objects.exists()
    assert admin_client.post(address, {"post": "yes"}).status_code == 302
    assert not Ban.objects.exists()


def test_an_old_version_is_shown_and_not_restored(admin_client):
    ban = make_ban()
    ban.reason = "another"
    ban.save()
    version = ban.history.earliest()
    address = reverse("admin:signaling_ban_simple_history", args=[ban.pk, version.pk])
    assert "a reason" in admin_client.get(address).content.decode()
    assert admin_client.post(address, {"reason": "x"}).status_code == 403


@pytest.fixture
def rest():
    return Rest(make_people().token("root"))


def test_rest_bans_finds_changes_and_unbans(rest):
    made = rest.post("bans", {"network": "203.0.113.7/32", "reason": "scans"})
    assert made.status == 201
    body = made.body
    assert (body["network"], body["banned_by"], body["origin"]) == (IP, "root", "manual")
    assert (body["in_force"], body["expires_at"], body["refused"]) == (True, None, 0)
    make_ban("198.51.100.0/24", expires_at=timezone.now())
    assert [row["network"] for row in rest.get("bans", in_force="true").body["results"]] == [IP]
    assert [row["network"] for row in rest.get("bans", address="198.51.100.9").body["results"]] == [
        "198.51.100.0/24"
    ]
    changed = rest(
        "patch", f"bans/{body['id']}", {"reason": "more scans", "expires_at": "2100-01-01T00:00:00Z"}
    )
    assert (changed.status, changed.body["reason"]) == (200, "more scans")
    assert rest("delete", f"bans/{body['id']}").status == 204
    assert not Ban.objects.filter(network=IP).exists()


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ({"network": "x", "reason": "x"}, "network", "no address"),
        ({"network": "127.0.0.1", "reason": "x"}, "network", "never banned"),
        ({"network": "198.51.100.1", "reason": "x"}, "network", "has a ban already"),
        ({"network": IP}, "reason", "required"),
        ({"network": IP, "reason": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "has passed"),
        ({"network": IP, "reason": "x", "until": "1h"}, "until", "Unknown field"),
    ],
)
def test_rest_names_the_field_at_fault(rest, body, field, sentence):
    make_ban("198.51.100.1")
    answer = rest.post("bans", body)
    assert answer.status == 400
    assert sentence in answer.body["fields"][field][0]


def test_rest_refuses_another_source_for_a_ban_and_an_address_that_is_none(rest):
    ban = make_ban()
    moved = rest("patch", f"bans/{ban.pk}", {"network": "198.51.100.1"})
    assert (moved.status, list(moved.body["fields"])) == (400, ["network"])
    assert rest.get("bans", address="x").status == 400


def run(*arguments):
    out = StringIO()
    call_command("bans", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_bans_lists_and_unbans():
    made = json.loads(run("add", "203.0.113.0/24", "--for", "2h", "--reason", "scans", "--json"))
    assert (made[0]["network"], made[0]["banned_by"]) == ("203.0.113.0/24", "manage.py")
    ban = Ban.objects.get()
    assert timedelta(minutes=119) < ban.expires_at - timezone.now() <= timedelta(hours=2)
    make_ban("198.51.100.1", expires_at=timezone.now())
    assert "203.0.113.0/24" in run("list")
    assert "198.51.100.1" not in run("list")
    assert "198.51.100.1" in run("list", "--all")
    assert len(json.loads(run("list", IP, "--json"))) == 1
    assert json.loads(run("list", "192.0.2.1", "--json")) == []
    run("remove", "203.0.113.0/24")
    assert not Ban.objects.in_force().exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "x"), "no address and no network"),
        (("add", "127.0.0.1"), "never banned"),
        (("add", IP, "--for", "soon"), "soon is no time: write 30m, 12h, 7d or 4w"),
        (("add", "198.51.100.0/24"), "has a ban already"),
        (("list", "x"), "x is no address"),
        (("remove", "x"), "no address and no network"),
        (("remove", IP), "There is no ban of 203.0.113.7"),
        (("remove", "198.51.100.9"), "it is banned with 198.51.100.0/24"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(arguments, sentence):
    make_ban("198.51.100.0/24")
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_doctor_says_who_is_banned_and_how_to_ask_about_one():
    assert [finding.detail for finding in check(None)] == ["nobody is banned"]
    for number in range(5):
        make_ban(f"198.51.100.{number}", banned_at=timezone.now() - timedelta(minutes=number))
    (found,) = check(None)
    assert "198.51.100.0, 198.51.100.1, 198.51.100.2, … (5 in all)" in found.detail
    assert "manage.py bans list ADDRESS" in found.detail
