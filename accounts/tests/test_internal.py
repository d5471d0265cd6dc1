# SPDX-License-Identifier: Apache-2.0
import pytest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory

from accounts.api.internal import InternalAuthentication
from accounts.choices import Permission
from accounts.tenancy import access_of


@pytest.fixture(autouse=True)
def token(settings):
    settings.INTERNAL_API_TOKEN = "the-right-one"


def authenticate(header):
    request = APIRequestFactory().get("/", **({"HTTP_AUTHORIZATION": header} if header else {}))
    return InternalAuthentication().authenticate(request)


def test_the_ui_role_sees_what_is_alive_everywhere_and_ends_calls_and_nothing_else():
    user, _ = authenticate("Internal the-right-one")
    access = access_of(user)
    assert access.accounts_with(Permission.VIEW_LIVE) is None
    assert {name for name in Permission if access.may(name)} == {Permission.VIEW_LIVE, Permission.HANG_UP}


@pytest.mark.parametrize("header", ["", "Bearer the-right-one", "Basic the-right-one"])
def test_other_credentials_are_left_to_others(header):
    assert authenticate(header) is None


@pytest.mark.parametrize(
    "header", ["Internal", "Internal wrong", "Internal the-right-one more", "internal é"]
)
def test_a_wrong_credential_is_refused(header):
    with pytest.raises(AuthenticationFailed):
        authenticate(header)
