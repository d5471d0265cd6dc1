# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.access import PasswordHandover
from accounts.setup.handover import LIFE, Purpose, offer, take
from accounts.tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"


@pytest.fixture
def user():
    return make_user(make_account("alpha.example"), password=PASSWORD)


def test_a_password_is_handed_on_once(user):
    ticket = offer(user, PASSWORD, Purpose.PAGE, bound_to="session")
    handed = take(ticket, Purpose.PAGE, bound_to="session")
    assert (handed.user, handed.password) == (user, PASSWORD)
    assert take(ticket, Purpose.PAGE, bound_to="session") is None
    assert not PasswordHandover.objects.exists()


def test_it_is_not_handed_to_another_session_nor_for_another_purpose_and_that_spoils_nothing(user):
    ticket = offer(user, PASSWORD, Purpose.PAGE, bound_to="session")
    assert take(ticket, Purpose.PAGE, bound_to="another") is None
    assert take(ticket, Purpose.PHONE, bound_to="session") is None
    assert take("x" + ticket[1:], Purpose.PAGE, bound_to="session") is None
    assert take(ticket, Purpose.PAGE, bound_to="session") is not None


@pytest.mark.parametrize("purpose", Purpose)
def test_it_expires_and_is_then_removed_by_the_next_offer(user, purpose):
    now = timezone.now()
    ticket = offer(user, PASSWORD, purpose, now=now)
    late = now + LIFE[purpose] + timedelta(seconds=1)
    assert take(ticket, purpose, now=late) is None
    offer(user, PASSWORD, purpose, now=late)
    assert PasswordHandover.objects.count() == 1


def test_a_password_that_was_changed_meanwhile_is_handed_to_nobody(user):
    ticket = offer(user, PASSWORD, Purpose.PHONE)
    user.set_password("another horse")
    user.save()
    assert take(ticket, Purpose.PHONE) is None


def test_the_database_holds_neither_the_password_nor_the_ticket(user, settings):
    ticket = offer(user, PASSWORD, Purpose.PHONE)
    row = PasswordHandover.objects.get()
    for secret in (PASSWORD, ticket):
        assert secret.encode() not in bytes(row.sealed)
        assert secret not in row.digest
    settings.SECRET_KEY = "another"
    assert take(ticket, Purpose.PHONE) is None
