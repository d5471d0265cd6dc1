# SPDX-License-Identifier: Apache-2.0
"""How signaling names an uploaded prompt to RTP managers: by the hash of its content.

No name in a dialplan can look like that (it has a colon), so no route reaches a prompt that its account does not have.
"""

from __future__ import annotations

import re
from typing import Final

_REFERENCE: Final = re.compile(r"prompt:([0-9a-f]{64})")


def reference_to(sha256: str) -> str:
    """Return the name of a sound for RTP managers."""
    return f"prompt:{sha256}"


def referred_to(file: str) -> str | None:
    """Return the hash of the sound that a name refers to; None when it is that of a file."""
    match = _REFERENCE.fullmatch(file)
    return match[1] if match else None
