# SPDX-License-Identifier: Apache-2.0
"""The texts by which nodes of one installation let each other through to a phone: signed Route users and branches.

Pure. A text says where a message goes and is valid for one Call-ID alone (RFC 3327 and RFC 5626 section 5.2 let a
proxy choose such a text). All nodes know the secret, nobody else does. Invariants: a text that was not made here is
never read; one that was made for another call, kind or transaction is none.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from signaling.sip import Flow

PREFIX = "sb-relay."
"""How each of these texts begins; what is searched for in messages."""
MAC_BYTES = 16
MAX_TEXT_CHARS = 512
ANYWHERE = ("", 0)
"""The local end of a flow that was read from a text: whatever the transport's is."""
TO_BINDING, TO_FLOW, TO_SENDER = "b", "f", "r"
"""Kinds: to a registered phone, along a flow within a dialog, back to who sent the request."""


class Path(NamedTuple):
    """Where a message within a dialog goes, and from which address alone."""

    flow: Flow
    source: str
    """Address that may use it; empty: any."""


class RouteTexts:
    """Makes and reads the texts of one node.

    Args:
        key: secret of the installation.
        boot_id: changes with each start; connections of an earlier life of the node lead nowhere.
    """

    def __init__(self, key: bytes, *, boot_id: str) -> None:
        self._key = hashlib.blake2b(key, person=b"sip node routes").digest()
        self._boot_id = boot_id

    def to_binding(self, user_id: str, call_id: str) -> str:
        """Return the Route user that leads to a phone of ``user_id`` through the node where it is registered."""
        return self._seal(TO_BINDING, user_id, call_id)

    def read_binding(self, text: str, call_id: str) -> str | None:
        """Return the user id of such a text, None when it is none."""
        return self._open(TO_BINDING, text, call_id)

    def to_path(self, path: Path, call_id: str) -> str:
        """Return the Route user that leads along ``path``."""
        return self._seal(TO_FLOW, f"{self._flow_text(path.flow)} {path.source}", call_id)

    def read_path(self, text: str, call_id: str) -> Path | None:
        """Return the path of such a text; None when it is none. A lost connection reads as transport ""."""
        payload = self._open(TO_FLOW, text, call_id)
        if payload is None:
            return None
        flow, _, source = payload.rpartition(" ")
        return Path(self._flow(flow), source)

    def branch_to(self, flow: Flow, call_id: str, incoming: str) -> str:
        """Return a branch by which the response finds back to ``flow``; the same for each retransmission.

        ``incoming`` is the branch of the request as it came.
        """
        return "z9hG4bK" + self._seal(TO_SENDER, self._flow_text(flow), f"{call_id} {incoming}")

    def read_branch(self, branch: str, call_id: str, incoming: str) -> Flow | None:
        """Return where a response goes whose top branch is ``branch``, and whose next one ``incoming``."""
        payload = self._open(TO_SENDER, branch.removeprefix("z9hG4bK"), f"{call_id} {incoming}")
        return None if payload is None else self._flow(payload)

    # --- Inside -------------------------------------------------------------------------------------------------

    def _flow_text(self, flow: Flow) -> str:
        boot_id = self._boot_id if flow.connection else "-"
        return f"{flow.transport} {flow.remote[0]} {flow.remote[1]} {flow.connection} {boot_id}"

    def _flow(self, text: str) -> Flow:
        transport, ip, port, connection, boot_id = text.split(" ")
        gone = boot_id not in ("-", self._boot_id)
        return Flow("" if gone else transport, (ip, int(port)), ANYWHERE, int(connection))

    def _seal(self, kind: str, payload: str, scope: str) -> str:
        shown = urlsafe_b64encode(payload.encode()).rstrip(b"=").decode()
        return f"{PREFIX}{kind}{shown}.{self._mac(kind, payload, scope)}"

    def _open(self, kind: str, text: str, scope: str) -> str | None:
        if len(text) > MAX_TEXT_CHARS or not text.startswith(PREFIX + kind):
            return None
        shown, _, mac = text[len(PREFIX) + 1 :].partition(".")
        try:
            payload = urlsafe_b64decode(shown + "=" * (-len(shown) % 4)).decode()
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(mac.encode(), self._mac(kind, payload, scope).encode()):
            return None
        return payload

    def _mac(self, kind: str, payload: str, scope: str) -> str:
        text = f"{kind}\0{payload}\0{scope}".encode()
        digest = hashlib.blake2b(text, key=self._key, digest_size=MAC_BYTES).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
