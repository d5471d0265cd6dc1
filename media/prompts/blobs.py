# SPDX-License-Identifier: Apache-2.0
"""Files in the database, in pieces: what every host of an installation reaches, without a shared disk.

Invariant: all pieces of a file but the last have the same size, so that any part is found without reading the rest; a
file is written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from django.db import transaction

from media.models import Piece

PIECE_BYTES: Final = 128 * 1024


def sound_key(sha256: str) -> str:
    """Return where the converted sound with this hash stands."""
    return f"sound:{sha256}"


def upload_key(upload_id: object) -> str:
    """Return where an upload stands."""
    return f"upload:{upload_id}"


def write(key: str, parts: Iterable[bytes]) -> int:
    """Write a file; return its size. One that is there already stays as it is."""
    size = 0
    with transaction.atomic():
        if Piece.objects.filter(key=key).exists():
            return sum(map(len, parts))
        for number, piece in enumerate(_pieces(parts)):
            Piece.objects.create(key=key, number=number, data=piece)
            size += len(piece)
    return size


def read(key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` up to, not including, `end`; one piece in memory at a time."""
    number = start // PIECE_BYTES
    at = number * PIECE_BYTES
    while end is None or at < end:
        data = Piece.objects.filter(key=key, number=number).values_list("data", flat=True).first()
        if data is None:
            return
        piece = bytes(data)
        yield piece[max(start - at, 0) : None if end is None else end - at]
        number, at = number + 1, at + PIECE_BYTES


def delete(key: str) -> None:
    """Delete a file; nothing when there is none."""
    Piece.objects.filter(key=key).delete()


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for part in parts:
        held += part
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)
