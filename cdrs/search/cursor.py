# SPDX-License-Identifier: Apache-2.0
"""A place in the list of calls: the start and the id of a call, and which side of it is wanted.

Pages follow each other by value, not by number: a call that arrives meanwhile shifts nothing.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import Q

from cdrs.models import CDR

_FORM: Final = re.compile(r"([<>])(-?\d{1,17})-([0-9a-f]{32})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
FIRST_ID: Final = uuid.UUID(int=0)
LAST_ID: Final = uuid.UUID(int=2**128 - 1)


class BadCursor(ValueError):
    """A text is no cursor."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of calls, newest first."""

    time: datetime
    """Start of the call that the place is at."""
    id: uuid.UUID
    newer: bool = False
    """Whether the calls above the place are wanted, not those below."""

    @classmethod
    def below(cls, call: CDR) -> Cursor:
        """Return the cursor of the calls that are older than this one."""
        return cls(call.invite_time, call.pk)

    @classmethod
    def above(cls, call: CDR) -> Cursor:
        """Return the cursor of the calls that are newer than this one."""
        return cls(call.invite_time, call.pk, newer=True)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the cursor that `str` wrote.

        Raises:
            BadCursor: it is none.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise BadCursor(f"not a place in the list: {text[:80]!r}")
        side, microseconds, hexadecimal = form.groups()
        try:
            time = _EPOCH + int(microseconds) * _MICROSECOND
        except OverflowError as error:
            raise BadCursor(f"not a time: {microseconds}") from error
        return cls(time, uuid.UUID(hexadecimal), newer=side == ">")

    def __str__(self) -> str:
        return f"{'>' if self.newer else '<'}{(self.time - _EPOCH) // _MICROSECOND}-{self.id.hex}"

    @property
    def condition(self) -> Q:
        """The calls on the wanted side; its first part is what an index on the time can use."""
        if self.newer:
            return Q(invite_time__gte=self.time) & (Q(invite_time__gt=self.time) | Q(pk__gt=self.id))
        return Q(invite_time__lte=self.time) & (Q(invite_time__lt=self.time) | Q(pk__lt=self.id))

    @property
    def up_to(self) -> Q:
        """The calls on the other side of the place, those at it included."""
        if self.newer:
            return Q(invite_time__lte=self.time) & (Q(invite_time__lt=self.time) | Q(pk__lte=self.id))
        return Q(invite_time__gte=self.time) & (Q(invite_time__gt=self.time) | Q(pk__gte=self.id))
