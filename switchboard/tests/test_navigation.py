# SPDX-License-Identifier: Apache-2.0
import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse

from accounts.tests.people import make_people
from switchboard.navigation import ENTRIES, OTHER, navigation

pytestmark = pytest.mark.django_db


def menu(people, name, path="/admin/"):
    request = RequestFactory().get(path)
    request.user = people[name]
    return {group["title"]: group["items"] for group in navigation(request)}


def titles(groups):
    return [item["title"] for items in groups.values() for item in items]


def test_the_platform_admin_is_offered_every_page_in_its_group():
    groups = menu(make_people(), "root")
    links = {item["link"] for items in groups.values() for item in items}
    for model in admin.site._registry:
        assert reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") in links
    assert OTHER not in groups, "say in ENTRIES where the new page stands"


@pytest.mark.parametrize(
    ("name", "offered", "kept"),
    [
        ("bob", {"Dashboard", "Calls", "Report", "Registrations"}, {"Routes", "Simulator", "SIP users"}),
        ("vera", {"Routes", "Simulator", "SIP users"}, {"Memberships", "API tokens"}),
        ("nobody", {"Dashboard"}, {"Calls", "Report", "Simulator"}),
    ],
)
def test_each_role_is_offered_what_it_may_open(name, offered, kept):
    shown = set(titles(menu(make_people(), name)))
    assert offered <= shown
    assert not kept & shown


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/admin/", "Dashboard"),
        ("/admin/dialplan/route/r1/change/", "Routes"),
        ("/admin/dialplan/route/simulate/", "Simulator"),
        ("/admin/cdrs/cdr/report/", "Report"),
        ("/admin/accounts/user/add/", "SIP users"),
    ],
)
def test_one_entry_is_where_the_reader_is(path, title):
    groups = menu(make_people(), "root", path)
    assert [item["title"] for items in groups.values() for item in items if item["active"]] == [title]


def test_what_is_named_exists_or_belongs_to_an_app_that_may_be_left_out():
    registered = {model._meta.label for model in admin.site._registry}
    assert set(ENTRIES) - registered <= {"media.Prompt"}
