# SPDX-License-Identifier: Apache-2.0
"""Filters of the lists, by query parameter. Invariant: a filter only ever narrows what the caller may see anyway."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework import exceptions
from rest_framework.request import Request

from accounts.lookup import account_called
from accounts.models import Account
from signaling.api.base import check_parameters, text_parameter, whole_parameter
from signaling.live.mirror import Tenants

MAX_ROWS = 10_000
NO_SUCH_ACCOUNT = "There is no such account, or not for you."

Accepts = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows of a table are wanted."""

    tenants: Tenants
    accepts: Accepts | None
    limit: int
    offset: int


def select(
    request: Request,
    tenants: Tenants,
    equal: Mapping[str, tuple[str, ...]],
    choices: Mapping[str, tuple[str, ...]],
) -> Selection:
    """Return what a request selects.

    Args:
        request: its query parameters are read.
        tenants: what its caller may see.
        equal: parameter → fields of which one must equal it.
        choices: parameter → the values that it may have.

    Raises:
        ValidationError: a parameter cannot be understood.
    """
    check_parameters(request, [*equal, "account", "limit", "offset"])
    wanted: list[tuple[tuple[str, ...], str]] = []
    for name, fields in equal.items():
        value = text_parameter(request, name)
        if not value:
            continue
        if name in choices and value not in choices[name]:
            raise exceptions.ValidationError({name: f"Use one of {', '.join(choices[name])}."})
        wanted.append((fields, value))
    account = text_parameter(request, "account")
    return Selection(
        tenants=_narrowed(tenants, account) if account else tenants,
        accepts=_accepts(wanted) if wanted else None,
        limit=whole_parameter(request, "limit", MAX_ROWS, 1, MAX_ROWS),
        offset=whole_parameter(request, "offset", 0, 0, 999_999_999),
    )


def account_reached(tenants: Tenants, account: str) -> str | None:
    """Return the id of the account of that id or domain; None when it is not there or not among `tenants`."""
    if tenants is not None:
        with contextlib.suppress(ValueError):
            wanted = str(uuid.UUID(account))
            return wanted if wanted in tenants else None
    found = Account.objects.filter(account_called(account)).values_list("pk", flat=True).first()
    return None if found is None or (tenants is not None and str(found) not in tenants) else str(found)


def _narrowed(tenants: Tenants, account: str) -> Tenants:
    account_id = account_reached(tenants, account)
    if account_id is None:
        raise exceptions.ValidationError({"account": NO_SUCH_ACCOUNT})
    return frozenset({account_id})


def _accepts(wanted: list[tuple[tuple[str, ...], str]]) -> Accepts:
    def accepts(row: dict[str, Any]) -> bool:
        return all(any(row[field] == value for field in fields) for fields, value in wanted)

    return accepts
