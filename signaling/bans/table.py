# SPDX-License-Identifier: Apache-2.0
"""Bans in the table `bans`, through the ORM; for the keeper's thread.

Blocking. Invariants: a connection that failed is closed, so that the next attempt makes a new one; a ban that another
node or a person made of the same source stays as it is.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone

from accounts.revision import bump
from signaling.bans.ban import Ban
from signaling.bans.keeper import MAX_BANS, Record
from signaling.bans.networks import SOURCE_LENGTH, parse_network, plain_ip
from signaling.bans.row import Ban as Row
from signaling.bans.row import Origin
from signaling.models import Registration

REASON_CHARS = 200


@contextmanager
def _using_the_database() -> Iterator[None]:
    try:
        yield
    except Exception:
        connections.close_all()
        raise


class BanRows:
    """The table as a `keeper.BanTable`."""

    @_using_the_database()
    def record(self, source: str) -> Record:
        """Return what is known of a source: whether phones are registered there now, and its earlier bans."""
        known = Row.objects.filter(network=source).values_list("offences", flat=True).first()
        return Record(phones=_has_phones(source), offences=known or 0)

    @_using_the_database()
    def store(self, bans: Sequence[Ban]) -> None:
        """Store bans that a node decided by itself, as repeated ones where the source was banned before."""
        with transaction.atomic():
            for ban in bans:
                self._store(ban)
            bump(Row.revision_topic)

    @_using_the_database()
    def count(self, refused: Mapping[str, int]) -> None:
        """Add to what bans have refused; no node reads its list again for that."""
        now = timezone.now()
        with transaction.atomic():
            for network, number in refused.items():
                Row._base_manager.filter(network=network).update(
                    refused=F("refused") + number, last_refused_at=now
                )

    @_using_the_database()
    def in_force(self) -> list[Ban]:
        """Return the bans in force, the youngest ones when there are too many."""
        rows = Row.objects.in_force().order_by("-banned_at")[:MAX_BANS]
        return [
            Ban(
                network=network,
                reason=reason,
                automatic=origin == Origin.AUTOMATIC,
                banned_by=banned_by,
                banned_at=banned_at.timestamp(),
                expires_at=None if expires_at is None else expires_at.timestamp(),
            )
            for network, reason, origin, banned_by, banned_at, expires_at in rows.values_list(
                "network", "reason", "origin", "banned_by", "banned_at", "expires_at"
            )
        ]

    def close(self) -> None:
        """Close this thread's database connection."""
        connections.close_all()

    @staticmethod
    def _store(ban: Ban) -> None:
        values = {
            "reason": ban.reason[:REASON_CHARS],
            "origin": Origin.AUTOMATIC,
            "banned_by": ban.banned_by[:150],
            "banned_at": _moment(ban.banned_at),
            "expires_at": None if ban.expires_at is None else _moment(ban.expires_at),
        }
        # By the base manager: the counter is raised once for all of them, and no person changed anything.
        ended = Row._base_manager.filter(network=ban.network, expires_at__lte=timezone.now())
        again = {"offences": F("offences") + 1, "refused": 0, "last_refused_at": None}
        if not ended.update(**values, **again):
            new = Row(network=ban.network, offences=1, **values)
            Row._base_manager.bulk_create([new], ignore_conflicts=True)


def _has_phones(source: str) -> bool:
    network = parse_network(source)
    live = Registration.objects.filter(expires_at__gt=timezone.now()).order_by()
    if network.prefixlen > SOURCE_LENGTH[6] or network.version == 4:
        return live.filter(source_ip=str(network.network_address)).exists()
    addresses = live.filter(source_ip__contains=":").values_list("source_ip", flat=True).distinct()
    return any(ipaddress.ip_address(plain_ip(ip)) in network for ip in addresses.iterator())


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
