# SPDX-License-Identifier: Apache-2.0
import re
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import make_user
from accounts.tests.people import make_people
from switchboard.dashboard.tests.fake_node import fake_node

pytestmark = pytest.mark.django_db


@pytest.fixture
def node(settings):
    with fake_node() as served:
        settings.UI_BACKENDS = (("local", served.url),)
        yield served


@pytest.fixture
def people(node):
    return make_people()


@pytest.fixture
def user(people):
    return make_user(people.alpha, "1001", display_name="Alice")


def client_of(people, name):
    client = Client()
    client.force_login(people[name])
    return client


def setup_url(user):
    return reverse("admin:accounts_user_setup", args=[user.pk])


def new_password(client, user):
    """Press the button and return the page that follows."""
    return client.post(setup_url(user), {"new_password": "1"}, follow=True)


def binding(user, **fields):
    return {
        "user_id": str(user.pk),
        "aor": "sip:1001@alpha.example",
        "contact": "<sip:1001@192.0.2.7:5060>",
        "transport": "udp",
        "source_ip": "192.0.2.7",
        "source_port": 5060,
        "user_agent": "Desk <phone>",
        "registered_at": "2030-01-01T12:00:00Z",
        **fields,
    }


def test_a_new_password_is_set_shown_once_and_gone_after_a_reload(people, user):
    client = client_of(people, "alice")
    page = new_password(client, user)
    password = page.context["password"]
    assert User.objects.get(pk=user.pk).check_password(password)
    assert password in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    again = client.get(setup_url(user))
    assert again.context["password"] == ""
    assert password not in again.content.decode()


def test_another_session_with_the_same_cookie_is_not_shown_it(people, user):
    client, thief = client_of(people, "alice"), client_of(people, "alice")
    posted = client.post(setup_url(user), {"new_password": "1"})
    name, morsel = next(iter(posted.cookies.items()))
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Strict", setup_url(user))
    thief.cookies[name] = morsel.value
    assert thief.get(setup_url(user)).context["password"] == ""
    assert client.get(setup_url(user)).context["password"]


def test_the_page_has_qr_codes_and_settings_for_softphones_with_the_password(people, user):
    page = new_password(client_of(people, "alice"), user)
    text = page.content.decode()
    assert text.count('class="qr"') == 2
    for program in ("Linphone", "Zoiper", "MicroSIP", "baresip"):
        assert f"<summary>{program}</summary>" in text
    assert f"auth_pass={page.context['password']}" in text
    assert "testserver:5060" in text


def test_without_a_password_there_are_settings_and_no_codes(people, user):
    text = client_of(people, "vera").get(setup_url(user)).content.decode()
    assert 'class="qr"' not in text
    assert "alpha.example" in text
    assert "new_password" not in text


def test_a_reader_sets_no_password(people, user):
    before = User.objects.get(pk=user.pk).password_hash
    assert client_of(people, "vera").post(setup_url(user), {"new_password": "1"}).status_code == 403
    assert User.objects.get(pk=user.pk).password_hash == before


@pytest.mark.parametrize("name", ["charlie", "bob", "nobody"])
def test_who_may_not_see_the_user_sees_no_page_of_it(people, user, name):
    client = client_of(people, name)
    for at in ("accounts_user_setup", "accounts_user_setup_light"):
        assert client.get(reverse(f"admin:{at}", args=[user.pk])).status_code in (302, 403, 404)


def test_a_phone_fetches_its_settings_once_by_the_link_without_a_login(people, user):
    page = new_password(client_of(people, "alice"), user)
    path = urlsplit(page.context["link"]).path
    fetched = Client().get(path)
    assert fetched["Content-Type"].startswith("application/xml")
    assert page.context["password"] in [
        entry.text for entry in ElementTree.fromstring(fetched.content).iter()
    ]
    second = Client().get(path)
    assert second.status_code == 410
    assert b"This link was used" in second.content


def test_an_invented_link_is_answered_like_one_that_was_used(people):
    assert Client().get(reverse("provision", args=["x" * 32])).status_code == 410


def test_the_light_tells_what_registered(people, user, node):
    client = client_of(people, "alice")
    assert "Waiting for registration" in client.get(setup_url(user)).content.decode()
    node.tables["registrations"] = [binding(user), binding(people.beta, user_agent="foreign")]
    text = client.get(setup_url(user)).content.decode()
    assert 'data-state="registered"' in text
    for told in ("Desk &lt;phone&gt;", "&lt;sip:1001@192.0.2.7:5060&gt;", "192.0.2.7:5060", "UDP"):
        assert told in text
    assert "foreign" not in text


def test_the_frame_for_pages_without_scripts_loads_itself_again(people, user, node):
    node.tables["registrations"] = [binding(user)]
    frame = client_of(people, "vera").get(reverse("admin:accounts_user_setup_light", args=[user.pk]))
    assert re.search(r'http-equiv="refresh"', frame.content.decode())
    assert "Desk &lt;phone&gt;" in frame.content.decode()
    assert frame["X-Frame-Options"] == "SAMEORIGIN"


def test_a_node_that_is_away_is_told_apart_from_a_phone_that_is_not_there(people, user, settings):
    settings.UI_BACKENDS = (("west", "http://127.0.0.1:9"),)
    text = client_of(people, "alice").get(setup_url(user)).content.decode()
    assert 'data-state="unknown"' in text
    assert "west cannot be reached" in text


@pytest.mark.parametrize(
    ("server", "advertise", "shown"),
    [
        ("", "", "testserver:5060"),
        ("", "198.51.100.9", "198.51.100.9:5060"),
        ("", "2001:db8::1", "[2001:db8::1]:5060"),
        ("sip.example:5070", "198.51.100.9", "sip.example:5070"),
        ("sip.example", "", "sip.example:5060"),
    ],
)
def test_the_server_is_the_configured_the_advertised_or_the_one_of_this_site(
    people, user, settings, server, advertise, shown
):
    settings.PHONE_SERVER, settings.ADVERTISE = server, advertise
    page = client_of(people, "alice").get(setup_url(user))
    assert page.context["phone"].server == shown


@pytest.mark.parametrize(
    ("server", "shown"), [("", "testserver:5061"), ("sip.example:443", "sip.example:443")]
)
def test_with_tls_phones_are_told_its_port_and_no_code_that_would_leave_it_out(
    people, user, settings, server, shown
):
    settings.PHONE_TRANSPORT, settings.PHONE_SERVER = "tls", server
    client = client_of(people, "alice")
    page = client.get(setup_url(user))
    assert page.context["phone"].proxy_uri == f"sip:{shown};transport=tls"
    assert b"transport=tls" in page.content
    page = new_password(client, user)
    assert page.context["linphone_qr"] and not page.context["wave_qr"]
    assert b"Grandstream" not in page.content
