# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.tests.factories import make_account, make_user
from signaling.models import Registration

pytestmark = pytest.mark.django_db
LIST = "admin:signaling_registration_changelist"


def register(number: int = 1, *, lifetime_s: int = 60, source_ip: str = "192.0.2.7") -> Registration:
    now = timezone.now()
    return Registration.objects.create(
        user=make_user(make_account(f"a{number}.example")),
        aor=f"sip:1001@a{number}.example",
        contact=f"sip:1001@10.0.0.{number}:5062",
        user_agent="<b>Phone</b>",
        source_ip=source_ip,
        source_port=5062,
        call_id="x",
        cseq=1,
        registered_at=now,
        expires_at=now + timedelta(seconds=lifetime_s),
    )


def test_the_list_tells_where_a_phone_is(admin_client: Client) -> None:
    register(1)
    register(2, source_ip="2001:db8::1")
    page = admin_client.get(reverse(LIST)).content.decode()
    for text in ("sip:1001@a1.example", "192.0.2.7:5062", "[2001:db8::1]:5062", "&lt;b&gt;Phone"):
        assert text in page


@pytest.mark.parametrize(
    ("valid", "aors"), [("yes", ["sip:1001@a1.example"]), ("no", ["sip:1001@a2.example"])]
)
def test_expired_bindings_can_be_told_apart(admin_client: Client, valid: str, aors: list[str]) -> None:
    register(1)
    register(2, lifetime_s=-1)
    response = admin_client.get(reverse(LIST), {"valid": valid})
    assert [row.aor for row in response.context["cl"].result_list] == aors


def test_a_registration_can_be_read_and_not_written(admin_client: Client) -> None:
    row = register()
    name = "admin:signaling_registration"
    assert admin_client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
    assert admin_client.post(reverse(f"{name}_change", args=[row.pk]), {"aor": "x"}).status_code == 403
    assert admin_client.get(reverse(f"{name}_add")).status_code == 403
    assert admin_client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_the_list_takes_the_same_few_queries_for_many_rows(
    admin_client: Client, django_assert_num_queries: Any
) -> None:
    for number in range(9):
        register(number)
    admin_client.get(reverse(LIST))
    with django_assert_num_queries(6):
        assert admin_client.get(reverse(LIST)).status_code == 200
