# SPDX-License-Identifier: Apache-2.0
"""Bindings in the table `registrations`, through the ORM; for the store's thread.

Blocking. Invariant: a row that the database refuses for good (its user is gone) takes no other along.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence

from django.db import DataError, IntegrityError, connections, transaction
from django.db.models import Q

from signaling.binding import Binding, flow_without_connection
from signaling.location_store import Key
from signaling.models import Registration
from signaling.sip import Flow, RemoteProtocolError, SipUri

logger = logging.getLogger(__name__)

MAX_CALL_ID_CHARS = 300
KEYS_PER_DELETE = 100

_CONFLICT_FIELDS = ("aor", "contact")
_UPDATED_FIELDS = (
    "user",
    "user_agent",
    "source_ip",
    "source_port",
    "transport",
    "q",
    "call_id",
    "cseq",
    "node_id",
    "registered_at",
    "expires_at",
)


class RegistrationTable:
    """The table `registrations` as a `BindingTable`.

    Args:
        node_id: the node that holds the bindings.
        own_only: other nodes keep theirs in the same table; else all rows are this node's, whatever it was called.
    """

    def __init__(self, node_id: str, *, own_only: bool = False) -> None:
        self._node_id = node_id
        self._rows = Registration.objects.filter(**({"node_id": node_id} if own_only else {}))

    def load(self, now: float, wall: float, local: tuple[str, int]) -> Sequence[Binding]:
        """Return live bindings, those of lost connections only where the phone can be called directly."""
        try:
            alive = _datetime(wall)
            self._rows.filter(expires_at__lte=alive).delete()
            found, lost = [], []
            for row in self._rows.select_related("user").order_by("registered_at"):
                binding = _from_row(row, now, wall, local)
                if binding is None:
                    lost.append((row.aor, row.contact))
                else:
                    found.append(binding)
            self._delete(lost)
        except Exception:
            connections.close_all()
            raise
        return found

    def write(self, stored: Sequence[Binding], removed: Sequence[Key]) -> None:
        """Write changes in one transaction; rows that can never be written are logged and left out."""
        try:
            try:
                with transaction.atomic():
                    self._delete(removed)
                    self._upsert([self._to_row(binding) for binding in stored])
            except (IntegrityError, DataError, ValueError):
                self._write_singly(stored, removed)
        except Exception:
            connections.close_all()
            raise

    def close(self) -> None:
        """Close this thread's database connection."""
        connections.close_all()

    def _write_singly(self, stored: Sequence[Binding], removed: Sequence[Key]) -> None:
        self._delete(removed)
        for binding in stored:
            try:
                with transaction.atomic():
                    self._upsert([self._to_row(binding)])
            except (IntegrityError, DataError, ValueError) as error:
                logger.info("The binding of %s is not stored: %s", binding.aor, error)

    @staticmethod
    def _upsert(rows: list[Registration]) -> None:
        Registration.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=_CONFLICT_FIELDS, update_fields=_UPDATED_FIELDS
        )

    def _delete(self, keys: Sequence[Key]) -> None:
        for begin in range(0, len(keys), KEYS_PER_DELETE):
            condition = Q()
            for aor, contact in keys[begin : begin + KEYS_PER_DELETE]:
                condition |= Q(aor=aor, contact=contact)
            self._rows.filter(condition).delete()

    def _to_row(self, binding: Binding) -> Registration:
        return Registration(
            user_id=binding.user_id,
            aor=binding.aor,
            contact=binding.contact_text,
            user_agent=binding.user_agent,
            source_ip=binding.flow.remote[0],
            source_port=binding.flow.remote[1],
            transport=binding.flow.transport,
            q=binding.q,
            call_id=binding.call_id[:MAX_CALL_ID_CHARS],
            cseq=binding.cseq,
            node_id=self._node_id,
            registered_at=_datetime(binding.registered_at),
            expires_at=_datetime(binding.expires_at),
        )


def _from_row(row: Registration, now: float, wall: float, local: tuple[str, int]) -> Binding | None:
    """Return the binding of a row; None when it cannot be reached any more."""
    try:
        contact = SipUri.parse(row.contact)
    except RemoteProtocolError:
        return None
    flow: Flow | None = Flow(row.transport, (row.source_ip, row.source_port), local, 0)
    if flow is not None and flow.reliable:
        flow = flow_without_connection(contact, flow)
    if flow is None:
        return None
    return Binding(
        user_id=str(row.user_id),
        account_id=str(row.user.account_id),
        aor=row.aor,
        contact=contact,
        contact_text=row.contact,
        flow=flow,
        source=(row.source_ip, row.source_port),
        q=row.q,
        deadline=now + row.expires_at.timestamp() - wall,
        expires_at=row.expires_at.timestamp(),
        registered_at=row.registered_at.timestamp(),
        user_agent=row.user_agent,
        call_id=row.call_id,
        cseq=row.cseq,
    )


def _datetime(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
