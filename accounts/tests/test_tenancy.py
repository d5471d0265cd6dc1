# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts import tenancy
from accounts.access import Membership
from accounts.choices import ROLE_PERMISSIONS, SCOPE_PERMISSIONS, Permission, Role, Scope
from accounts.models import Account, User
from accounts.tenancy import Access, access_of, current_access, may, role_of, scope, tenant_ids
from accounts.tests.factories import make_user
from accounts.tests.people import MAY, MEMBERS, NAMES, People, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("permission", Permission)
def test_each_person_may_what_the_role_says_in_the_own_account_alone(
    people: People, name: str, permission: Permission
) -> None:
    person = people[name]
    for account in (people.alpha, people.beta):
        own = name == "root" or account == people.account_of(name)
        assert may(person, permission, account.pk) == (own and permission in MAY[name])
    assert may(person, permission) == (permission in MAY[name])


def test_a_member_reaches_the_own_account_and_a_platform_admin_every_one(people: People) -> None:
    for name in MEMBERS:
        assert tenant_ids(people[name]) == {str(people.account_of(name).pk)}  # type: ignore[union-attr]
    assert tenant_ids(people["nobody"]) == frozenset()
    assert tenant_ids(people["root"]) is None


def test_a_role_is_told_for_an_account(people: People) -> None:
    assert role_of(people["bob"], people.alpha.pk) is Role.OPERATOR
    assert role_of(people["bob"], str(people.alpha.pk)) is Role.OPERATOR
    assert role_of(people["bob"], people.beta.pk) is None
    assert role_of(people["root"], people.beta.pk) is Role.ADMIN


def test_nobody_is_let_in_without_a_login_or_with_a_closed_one(people: People) -> None:
    assert access_of(AnonymousUser()) == tenancy.NOBODY
    for name in ("alice", "root"):
        person = people[name]
        person.is_active = False
        assert access_of(person) == tenancy.NOBODY


def test_rows_are_scoped(people: People) -> None:
    make_user(people.alpha, "1001")
    make_user(people.beta, "2001")
    for name, wanted in (
        ("alice", ["1001"]),
        ("charlie", ["2001"]),
        ("nobody", []),
        ("root", ["1001", "2001"]),
    ):
        rows = scope(User.objects.order_by("extension"), people[name])
        assert [user.extension for user in rows] == wanted
    assert list(scope(Account.objects.all(), people["alice"], "pk")) == [people.alpha]


def test_rows_are_scoped_by_what_may_be_done_there(people: People) -> None:
    bob = people["bob"]
    Membership.objects.create(user=bob, account=people.beta, role=Role.VIEWER)
    reached = scope(Account.objects.all(), people["bob"], "pk", permission=Permission.VIEW_CONFIG)
    assert list(reached) == [people.beta]


def test_an_answer_costs_one_query_for_a_user_object(people: People, django_assert_num_queries: Any) -> None:
    alice = people["alice"]
    with django_assert_num_queries(1):
        assert tenant_ids(alice) is not None
        assert may(alice, Permission.CHANGE_CONFIG, people.alpha.pk)


def test_a_long_connection_learns_of_a_lost_membership(people: People) -> None:
    alice = people["alice"]
    assert current_access(alice.pk).may(Permission.VIEW_LIVE, people.alpha.pk)
    Membership.objects.filter(user=alice).get().delete()
    assert not current_access(alice.pk).may(Permission.VIEW_LIVE, people.alpha.pk)


def test_a_long_connection_asks_the_database_once_a_while(
    people: People, django_assert_num_queries: Any
) -> None:
    alice = people["alice"]
    tenancy.forget()
    with django_assert_num_queries(2):
        for _ in range(10):
            current_access(alice.pk, max_age_s=60)


def test_a_login_that_is_gone_may_nothing(people: People) -> None:
    assert current_access(2**31 - 1) == tenancy.NOBODY


@pytest.mark.parametrize("role", Role)
def test_a_role_never_concerns_the_platform(role: Role) -> None:
    assert Permission.PLATFORM not in ROLE_PERMISSIONS[role]


def test_every_permission_is_in_reach_of_some_scope() -> None:
    assert frozenset().union(*SCOPE_PERMISSIONS.values()) == frozenset(Permission)


@pytest.mark.parametrize("token_scope", Scope)
@pytest.mark.parametrize("permission", Permission)
def test_a_scope_takes_away_and_never_adds(token_scope: Scope, permission: Permission) -> None:
    access = Access(roles={"a": Role.OPERATOR}).narrowed(None, [token_scope])
    given = permission in ROLE_PERMISSIONS[Role.OPERATOR] and permission in SCOPE_PERMISSIONS[token_scope]
    assert access.may(permission, "a") == given
    assert not access.may(permission, "b")


def test_a_platform_admins_token_for_one_account_reaches_that_alone() -> None:
    access = Access(platform=True, roles={}).narrowed("a", list(Scope))
    assert access.tenant_ids == frozenset({"a"})
    assert access.may(Permission.CHANGE_CONFIG, "a")
    assert not access.may(Permission.CHANGE_CONFIG, "b")
    assert not access.may(Permission.PLATFORM)


def test_a_token_for_an_account_that_was_left_reaches_nothing() -> None:
    access = Access(roles={"a": Role.ADMIN}).narrowed("b", list(Scope))
    assert access.tenant_ids == frozenset()
    assert access.accounts_with(Permission.VIEW_LIVE) == frozenset()
