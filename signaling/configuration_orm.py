# SPDX-License-Identifier: Apache-2.0
"""Reads accounts, users and routes through the ORM, for the directory's thread.

Blocking. Invariant: a connection that failed is closed, so that the next attempt makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connections

from accounts.models import Account, ConfigRevision, User
from dialplan.models import Route
from media.models import Prompt
from media.prompts.references import reference_to
from signaling.configuration import AccountInfo, PromptRow, RouteRow, UserInfo

ROWS_PER_FETCH = 2000


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except Exception:
        connections.close_all()
        raise


class OrmSource:
    """The database as a `ConfigurationSource`."""

    @_reading()
    def revisions(self) -> Mapping[str, int]:
        """Return the revision number of each topic that ever changed."""
        return dict(ConfigRevision.objects.values_list("topic", "number"))

    @_reading()
    def accounts(self) -> Sequence[AccountInfo]:
        """Return every account, the oldest first."""
        rows = Account.objects.order_by("created_at", "id").values_list(
            "id",
            "name",
            "domain",
            "realm",
            "enabled",
            "max_concurrent_calls",
            "record_calls",
            "media_encryption",
        )
        return [
            AccountInfo(
                id=str(id_),
                name=name,
                domain=domain.lower(),
                realm=realm or domain,
                enabled=enabled,
                max_concurrent_calls=max_calls,
                record_calls=record_calls,
                media_encryption=encryption,
            )
            for id_, name, domain, realm, enabled, max_calls, record_calls, encryption in rows
        ]

    @_reading()
    def users(self) -> Sequence[UserInfo]:
        """Return every user."""
        rows = User.objects.order_by().values_list(
            "id",
            "account_id",
            "username",
            "extension",
            "display_name",
            "enabled",
            "password_hash",
            "password_hash_sha256",
            "max_concurrent_calls",
        )
        return [UserInfo(str(row[0]), str(row[1]), *row[2:]) for row in rows.iterator(ROWS_PER_FETCH)]

    @_reading()
    def routes(self) -> Sequence[RouteRow]:
        """Return every route, disabled ones included."""
        rows = Route.objects.order_by("priority", "id").values_list(
            "id", "account_id", "name", "pattern", "priority", "enabled", "actions"
        )
        return [
            RouteRow(
                id_,
                None if account_id is None else str(account_id),
                {
                    "id": id_,
                    "name": name,
                    "pattern": pattern,
                    "priority": priority,
                    "enabled": enabled,
                    "actions": actions,
                },
            )
            for id_, account_id, name, pattern, priority, enabled, actions in rows
        ]

    @_reading()
    def prompts(self) -> Sequence[PromptRow]:
        """Return every uploaded prompt that has a sound."""
        rows = Prompt.objects.exclude(sha256="").order_by().values_list("account_id", "name", "sha256")
        return [
            PromptRow(None if account_id is None else str(account_id), name, reference_to(sha256))
            for account_id, name, sha256 in rows.iterator(ROWS_PER_FETCH)
        ]

    def close(self) -> None:
        """Close this thread's database connection."""
        connections.close_all()
