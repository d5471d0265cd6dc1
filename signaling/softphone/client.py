# SPDX-License-Identifier: GPL-3.0-or-later
#
# This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
# License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later
# version. It is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; see COPYING in this
# directory, and https://www.gnu.org/licenses/ for the licence itself.
"""pyVoIP's SIP client, made to get on with a server that challenges INVITE with 407 and answers with any 1xx or none.

pyVoIP 1.6.8 waits inside `invite` for 401, 100 or 180 and for nothing else, acknowledges with a random To tag, repeats
the INVITE's branch in BYE, and computes digests without qop. What is overridden here is that and no more; parsing,
registration, session descriptions and RTP stay pyVoIP's.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pyVoIP.VoIP  # before pyVoIP.SIP, which cannot be imported first: the two import each other
from pyVoIP.SIP import SIPClient, SIPMessage, SIPMessageType

CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


class Attempt(NamedTuple):
    """The last INVITE that was sent for a call."""

    number: str
    media: dict[int, Any]
    direction: Any
    session_id: int
    branch: str
    authenticated: bool


class Client(SIPClient):
    """The SIP half of one phone; ``on_progress(status)`` and ``on_refused(status, reason)`` tell what became of INVITE."""

    def __init__(
        self,
        *args: Any,
        on_progress: Callable[[int], None],
        on_refused: Callable[[int, str], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.on_progress, self.on_refused = on_progress, on_refused
        self._attempts: dict[str, Attempt] = {}

    def start(self) -> None:
        """Register and listen at once: pyVoIP begins to listen a second later, which every call would wait for."""
        self.NSD = True
        self.s = self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind((self.myIP, self.myPort))
        self.register()
        threading.Thread(target=self.recv_loop, name="SIP receive", daemon=True).start()

    # --- Digest ---------------------------------------------------------------------------------------------------

    def gen_register(self, request: SIPMessage, deregister: bool = False) -> str:
        """Return REGISTER with credentials whose uri is the Request-URI (RFC 7616 section 3.4.6)."""
        text = str(super().gen_register(request, deregister))
        header = self._authorization(request, 401, "REGISTER", f"sip:{self.server}")
        return re.sub(r"Authorization: [^\r]*\r\n", lambda _: header, text, count=1)

    def _authorization(self, challenge: SIPMessage, status: int, method: str, uri: str) -> str:
        """Return the header line that answers a challenge, in MD5, with qop when the server offers it."""
        asked, name = CHALLENGES[status]
        raw = challenge.headers[asked]
        fields = raw if isinstance(raw, dict) else _fields(raw)
        ha1 = _md5(f"{self.username}:{fields['realm']}:{self.password}")
        ha2 = _md5(f"{method}:{uri}")
        answer = {"username": self.username, "realm": fields["realm"], "nonce": fields["nonce"], "uri": uri}
        plain = {"algorithm": "MD5"}
        if "qop" in fields:
            cnonce = secrets.token_hex(8)
            answer |= {
                "cnonce": cnonce,
                "response": _md5(f"{ha1}:{fields['nonce']}:00000001:{cnonce}:auth:{ha2}"),
            }
            plain |= {"qop": "auth", "nc": "00000001"}
        else:
            answer["response"] = _md5(f"{ha1}:{fields['nonce']}:{ha2}")
        if "opaque" in fields:
            answer["opaque"] = fields["opaque"]
        parts = [f'{key}="{value}"' for key, value in answer.items()] + [f"{k}={v}" for k, v in plain.items()]
        return f"{name}: Digest {', '.join(parts)}\r\n"

    # --- INVITE -----------------------------------------------------------------------------------------------------

    def invite(self, number: str, ms: dict[int, Any], sendtype: Any) -> tuple[SIPMessage, str, int]:
        """Send INVITE and return at once; the answers arrive through `parse_message`."""
        call_id, session_id = self.gen_call_id(), self.sessID.next()
        attempt = Attempt(number, ms, sendtype, session_id, self.gen_branch(), False)
        return SIPMessage(self._send_invite(call_id, attempt, "").encode()), call_id, session_id

    def gen_call_id(self) -> str:
        """Return a Call-ID that no other run repeats: pyVoIP's hashes a counter that starts at 1."""
        return f"{secrets.token_hex(16)}@{self.myIP}"

    def _send_invite(self, call_id: str, attempt: Attempt, credentials: str) -> str:
        self._attempts[call_id] = attempt
        tag = self.tagLibrary.get(call_id)
        text = str(
            self.gen_invite(
                attempt.number,
                str(attempt.session_id),
                attempt.media,
                attempt.direction,
                attempt.branch,
                call_id,
            )
        )
        if tag is not None:
            text = text.replace(f";tag={self.tagLibrary[call_id]}", f";tag={tag}", 1)
            self.tagLibrary[call_id] = tag
        text = text.replace("\r\nContent-Length", f"\r\n{credentials}Content-Length", 1)
        self._send(text)
        return text

    def parse_message(self, message: SIPMessage) -> None:
        """Sort out the answers to INVITE and BYE; leave the rest to pyVoIP."""
        if message.type != SIPMessageType.RESPONSE:
            super().parse_message(message)
            return
        method = message.headers["CSeq"]["method"]
        if method == "INVITE" and message.headers["Call-ID"] in self._attempts:
            self._invite_answered(message, int(message.status))
        elif method not in ("BYE", "INVITE"):
            super().parse_message(message)

    def _invite_answered(self, message: SIPMessage, status: int) -> None:
        call_id = message.headers["Call-ID"]
        attempt = self._attempts[call_id]
        if status < 200:
            self.on_progress(status)
        elif status < 300:
            super().parse_message(message)
        else:
            self._send(self._ack_refusal(message, attempt))
            if status in CHALLENGES and not attempt.authenticated:
                uri = f"sip:{attempt.number}@{self.server}"
                header = self._authorization(message, status, "INVITE", uri)
                self._send_invite(
                    call_id, attempt._replace(branch=self.gen_branch(), authenticated=True), header
                )
            elif status not in CHALLENGES or message.headers["Via"][0].get("branch") == attempt.branch:
                self.on_refused(status, message.status.phrase)

    # --- What follows INVITE ------------------------------------------------------------------------------------------

    def gen_ack(self, request: SIPMessage) -> str:
        """Return the ACK of a 2xx: to the answer's Contact, in a transaction of its own (RFC 3261 section 13.2.2.4)."""
        uri = _contact(request) or f"sip:{self.server}"
        return self._request("ACK", uri, request, int(request.headers["CSeq"]["check"]), self.gen_branch())

    def _ack_refusal(self, response: SIPMessage, attempt: Attempt) -> str:
        """Return the ACK of a 3xx to 6xx: in the INVITE's own transaction (RFC 3261 section 17.1.1.3)."""
        branch = response.headers["Via"][0].get("branch", attempt.branch)
        uri = f"sip:{attempt.number}@{self.server}"
        return self._request("ACK", uri, response, int(response.headers["CSeq"]["check"]), branch)

    def gen_bye(self, request: SIPMessage) -> str:
        """Return BYE, whichever side sent the INVITE."""
        cseq = int(request.headers["CSeq"]["check"]) + 10
        uri = _contact(request) or f"sip:{self.server}"
        return self._request("BYE", uri, request, cseq, self.gen_branch())

    def _request(self, method: str, uri: str, known: SIPMessage, cseq: int, branch: str) -> str:
        own_tag = self.tagLibrary[known.headers["Call-ID"]]
        ours, theirs = known.headers["From"], known.headers["To"]
        if ours["tag"] != own_tag:
            ours, theirs = theirs, ours
        their_tag = f";tag={theirs['tag']}" if theirs["tag"] else ""
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.myIP}:{self.myPort};rport;branch={branch}\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: {ours['raw']};tag={own_tag}\r\nTo: {theirs['raw']}{their_tag}\r\n"
            f"Call-ID: {known.headers['Call-ID']}\r\nCSeq: {cseq} {method}\r\n"
            f"User-Agent: pyVoIP {pyVoIP.__version__}\r\nContent-Length: 0\r\n\r\n"
        )

    def _send(self, text: str) -> None:
        self.out.sendto(text.encode(), (self.server, self.port))


def _fields(challenge: str) -> dict[str, str]:
    return {key.lower(): value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', challenge)}


def _contact(message: SIPMessage) -> str | None:
    found = re.search(r"sips?:[^>\s;]+", message.headers.get("Contact", ""))
    return found.group(0) if found else None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
