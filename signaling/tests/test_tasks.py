# SPDX-License-Identifier: Apache-2.0
"""What the nightly job deletes of registrations."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Account
from accounts.tests.factories import make_user
from signaling.models import Registration
from signaling.tasks import prune_registrations

pytestmark = pytest.mark.django_db


def binding(name: str, ended: timedelta) -> None:
    now = timezone.now()
    user = make_user(Account.objects.get(), name)
    Registration.objects.create(
        user=user,
        aor=f"sip:{name}@switchboard.local",
        contact="sip:1001@192.0.2.1",
        source_ip="192.0.2.1",
        source_port=5060,
        call_id=name,
        cseq=1,
        registered_at=now - timedelta(days=9),
        expires_at=now - ended,
    )


def test_bindings_that_ended_long_ago_are_deleted():
    binding("1001", timedelta(days=2))
    binding("1002", timedelta(hours=1))
    binding("1003", -timedelta(hours=1))
    assert prune_registrations() == {"deleted": 1}
    assert set(Registration.objects.values_list("call_id", flat=True)) == {"1002", "1003"}
