# SPDX-License-Identifier: Apache-2.0
"""Bans as rows: what may be banned, what nodes store, and what is forgotten."""

import time
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import ConfigRevision
from accounts.tests.factories import make_account, make_user
from signaling.bans import retention
from signaling.bans.ban import Ban as Value
from signaling.bans.row import Ban, Origin, row_for
from signaling.bans.table import BanRows
from signaling.models import Registration
from signaling.tasks import prune_bans

pytestmark = pytest.mark.django_db
IP = "203.0.113.7"
DAY = timedelta(days=1)


def make_ban(network=IP, *, ends_in=None, **values):
    expires_at = None if ends_in is None else timezone.now() + ends_in
    return Ban.objects.create(network=network, reason="x", expires_at=expires_at, **values)


def automatic(network=IP, lasts_s=600.0):
    now = time.time()
    return Value(network, "50 failed logins within 60 s", True, "sip-1", now, now + lasts_s)


def revision():
    found = ConfigRevision.objects.filter(topic="bans").first()
    return 0 if found is None else found.number


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ("pbx.example.com", "no address and no network"),
        ("203.0.113.7/24", "write 203.0.113.7, or 203.0.113.0/24"),
        ("0.0.0.0/0", "too much at once: /8 is the largest network"),
        ("::/0", "/16 is the largest network"),
        ("127.0.0.1", "never banned: the setting BAN_NEVER holds 127.0.0.0/8"),
        ("::1", "never banned"),
    ],
)
def test_what_may_not_be_banned_is_refused_with_a_reason(network, sentence):
    with pytest.raises(ValidationError) as caught:
        Ban(network=network, reason="x").full_clean()
    assert sentence in caught.value.message_dict["network"][0]


def test_a_network_has_one_ban_however_it_is_written():
    make_ban("2001:db8:1:2::/64")
    with pytest.raises(ValidationError) as caught:
        Ban(network="2001:DB8:1:2:0::/64", reason="x").full_clean()
    assert caught.value.message_dict == {"network": ["This source has a ban already: change that one."]}


def test_a_new_ban_takes_the_row_of_one_that_has_ended():
    old = make_ban(ends_in=-DAY, offences=3, refused=9, origin=Origin.AUTOMATIC)
    row = row_for(IP + "/32")
    row.reason = "again"
    row.full_clean()
    row.save()
    old.refresh_from_db()
    assert (old.in_force, old.offences, old.refused, old.origin) == (True, 3, 0, "manual")


def test_a_ban_that_would_have_ended_is_refused():
    row = row_for(IP)
    row.reason, row.expires_at = "x", timezone.now() - DAY
    with pytest.raises(ValidationError, match="This time has passed"):
        row.full_clean()


def test_bans_that_concern_an_address_are_found():
    make_ban(IP)
    make_ban("203.0.113.0/24")
    make_ban("2001:db8::/32")
    make_ban("203.0.114.0/24")
    assert {ban.network for ban in Ban.objects.of_address(IP)} == {IP, "203.0.113.0/24"}
    assert [ban.network for ban in Ban.objects.of_address("2001:db8:1::9")] == ["2001:db8::/32"]


def test_each_change_by_a_person_makes_nodes_read_again():
    seen = [revision()]
    ban = make_ban()
    seen.append(revision())
    ban.reason = "y"
    ban.save()
    seen.append(revision())
    ban.delete()
    seen.append(revision())
    assert seen == sorted(set(seen))


def test_a_node_stores_its_bans_and_reads_those_of_all():
    make_ban("198.51.100.0/24")
    make_ban("198.51.100.1", ends_in=-DAY)
    before = revision()
    BanRows().store([automatic(), automatic("2001:db8:1:2::/64")])
    assert revision() > before
    found = {ban.network: ban for ban in BanRows().in_force()}
    assert set(found) == {"198.51.100.0/24", IP, "2001:db8:1:2::/64"}
    assert found[IP].automatic
    assert found[IP].banned_by == "sip-1"
    assert not found["198.51.100.0/24"].automatic
    assert found["198.51.100.0/24"].expires_at is None


def test_a_repeated_offence_is_counted_and_begins_anew():
    make_ban(ends_in=-DAY, offences=2, refused=50, last_refused_at=timezone.now())
    assert BanRows().record(IP).offences == 2
    BanRows().store([automatic()])
    row = Ban.objects.get()
    assert (row.offences, row.refused, row.last_refused_at, row.in_force) == (3, 0, None, True)


def test_a_ban_in_force_stays_as_it_is_when_a_node_bans_the_same_source():
    make_ban(banned_by="root")
    BanRows().store([automatic()])
    row = Ban.objects.get()
    assert (row.banned_by, row.origin, row.offences, row.expires_at) == ("root", "manual", 0, None)


def test_what_was_refused_is_added_up_and_makes_no_node_read_again():
    make_ban()
    before = revision()
    for _ in range(2):
        BanRows().count({IP: 21, "198.51.100.1": 5})
    row = Ban.objects.get()
    assert row.refused == 42
    assert row.last_refused_at is not None
    assert revision() == before


@pytest.mark.parametrize(
    ("registered", "source", "phones"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.8", "203.0.113.7", False),
        ("2001:db8:1:2::99", "2001:db8:1:2::/64", True),
        ("2001:db8:1:3::99", "2001:db8:1:2::/64", False),
    ],
)
@pytest.mark.parametrize("valid", [True, False])
def test_phones_that_are_registered_at_a_source_are_known(registered, source, phones, valid):
    now = timezone.now()
    Registration.objects.create(
        user=make_user(make_account("a.example")),
        aor="sip:1001@a.example",
        contact="sip:1001@10.0.0.1",
        source_ip=registered,
        source_port=5060,
        call_id="x",
        cseq=1,
        registered_at=now,
        expires_at=now + (DAY if valid else -DAY),
    )
    assert BanRows().record(source).phones == (phones and valid)


def test_bans_that_ended_long_ago_are_forgotten_with_their_history(settings):
    settings.BAN_RETENTION_DAYS = 30
    forgotten = make_ban("198.51.100.1", ends_in=-31 * DAY)
    make_ban("198.51.100.2", ends_in=-29 * DAY)
    make_ban("198.51.100.3", ends_in=DAY)
    make_ban("198.51.100.4", banned_at=timezone.now() - 400 * DAY)
    assert prune_bans() == {"deleted": 1}
    assert sorted(ban.network for ban in Ban.objects.all()) == [f"198.51.100.{n}" for n in (2, 3, 4)]
    assert not Ban.history.filter(id=forgotten.pk).exists()
    assert Ban.history.count() == 3


def test_nothing_is_forgotten_when_that_is_asked_for(settings):
    settings.BAN_RETENTION_DAYS = 0
    make_ban(ends_in=-9999 * DAY)
    assert prune_bans() == {"deleted": 0}
    with pytest.raises(ValueError, match="at least one day"):
        retention.prune(0, timezone.now())
