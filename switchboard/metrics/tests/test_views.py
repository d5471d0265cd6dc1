# SPDX-License-Identifier: Apache-2.0
"""``/metrics`` of the ui role."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from accounts.access import Membership
from accounts.choices import Role
from accounts.models import Account
from switchboard.metrics.catalogue import of_role

pytestmark = pytest.mark.django_db


def client_of(user: User | None) -> APIClient:
    client = APIClient()
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def admin() -> User:
    return User.objects.create_superuser("root", password="not asked for")


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text", "text/html"])
def test_a_platform_admin_gets_every_figure_of_the_role(accept):
    response = client_of(admin()).get("/metrics", headers={"accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    for metric in of_role("ui"):
        assert f"\n{metric.name} ".encode() in response.content


def test_nobody_else_gets_them():
    member = User.objects.create_user("member", password="not asked for", is_staff=True)
    account = Account.objects.create(name="Acme", domain="acme.test")
    Membership.objects.create(user=member, account=account, role=Role.ADMIN)
    assert client_of(None).get("/metrics").status_code == 401
    refused = client_of(member).get("/metrics")
    assert (refused.status_code, b"switchboard_database" in refused.content) == (403, False)


def test_it_is_read_alone():
    assert client_of(admin()).post("/metrics").status_code == 405
