# SPDX-License-Identifier: Apache-2.0
"""Unix sockets whose path may be longer than the 107 bytes that an address holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_ADDRESS_BYTES = 100


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Yield an address by which the socket at ``path`` is bound or connected to.

    A long path is reached through an open descriptor of its directory.

    Raises:
        OSError: there is no such directory.
    """
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
