# SPDX-License-Identifier: Apache-2.0
"""The secret key of an installation that was given none: made once, kept in a file that only its owner reads."""

import hmac
import os
import secrets
from pathlib import Path


def load_or_create(path: Path) -> str:
    """Return the key in ``path``; make it (mode 600) when there is none.

    Several processes may start at the same time: the file appears by a link of a finished temporary file, so that
    all of them read the same key and none a half-written one.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_text(encoding="ascii")
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")


def derive(secret_key: str, purpose: str) -> str:
    """Return a token that who knows the secret key can compute and nobody else; each purpose has its own."""
    return hmac.new(secret_key.encode(), f"switchboard {purpose}".encode(), "sha256").hexdigest()
