# SPDX-License-Identifier: Apache-2.0
"""The registrar: REGISTER requests to changes of the location service (RFC 3261 section 10.3).

Sans-IO; called after authentication, which has checked that the user owns the AOR. Invariants: a request changes
everything it asks for or nothing; an AOR never has more than `max_bindings`. Decisions where the RFC leaves them open:

* One binding too many replaces the one that was refreshed longest ago: phones that restart with a new port each
  time would else shut their owner out for an hour.
* A request whose CSeq is not above that of its own Call-ID is refused with 400, the bindings untouched.
* A sips contact is bound only when the Request-URI is sips too and the request came over TLS (RFC 5630 section 5.2).
* A time above the maximum is cut to it; a malformed one counts as the default (10.2.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, NamedTuple, Protocol

from signaling.binding import SECURE, Binding, flow_to_contact
from signaling.directory import AccountInfo, UserInfo
from signaling.location import Location
from signaling.sip import STAR, Flow, NameAddr, RemoteProtocolError, SipRequest, SipResponse

MAX_CONTACT_CHARS = 1024
"""Longest contact URI, which is also the width of its column."""
MAX_USER_AGENT_CHARS = 200

ONE_HOUR_S = 3600
"""A registrar must not find a time of an hour or more too short (RFC 3261 10.2.8)."""

_QVALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrarConfig:
    """Times and sizes."""

    min_expires_s: int = 60
    default_expires_s: int = 3600
    max_expires_s: int = 3600
    max_bindings: int = 10

    @classmethod
    def from_settings(cls, settings: Any) -> RegistrarConfig:
        """Return what the settings say."""
        return cls(
            min_expires_s=settings.REGISTRATION_MIN_S,
            default_expires_s=min(settings.REGISTRATION_DEFAULT_S, settings.REGISTRATION_MAX_S),
            max_expires_s=settings.REGISTRATION_MAX_S,
            max_bindings=settings.MAX_BINDINGS_PER_AOR,
        )


class _Refusal(Exception):
    """The request is answered with this and changes nothing."""

    def __init__(self, response: SipResponse) -> None:
        self.response = response


class _Wish(NamedTuple):
    """What a request asks for one contact; 0 seconds removes it."""

    contact: NameAddr
    text: str
    expires_s: int
    known: Binding | None


class OtherNodes(Protocol):
    """Where other nodes' bindings are unregistered."""

    def withdraw(self, aor: str, contacts: Iterable[str] | None, call_id: str, cseq: int) -> None:
        """Unregister contacts of an AOR, None for all, at whichever node they are registered."""


class Registrar:
    """Handles REGISTER.

    Args:
        location: where bindings live.
        config: times and sizes.
        other_nodes: told of what is unregistered; None: there are none.
    """

    def __init__(
        self, location: Location, config: RegistrarConfig, other_nodes: OtherNodes | None = None
    ) -> None:
        self._location = location
        self._config = config
        self._other_nodes = other_nodes
        self._date = (0, "")

    def handle(
        self, request: SipRequest, flow: Flow, user: UserInfo, account: AccountInfo, now: float, wall: float
    ) -> SipResponse:
        """Return the answer to a REGISTER, after its changes were made.

        Args:
            request: as received; authenticated as `user` of `account`, which own its To and From.
            flow: how it came.
            now: monotonic seconds, the clock of the location service.
            wall: seconds since the epoch.

        Raises:
            RemoteProtocolError: a header is malformed; nothing was changed.
        """
        required = request.headers.get_list("Require")
        if required:
            response = request.response(420)
            response.headers.set("Unsupported", ", ".join(required))
            return response
        self._location.expire(now)
        known = self._location.bindings(user.id, now)
        try:
            self._check_order(request, known)
            if request.contacts == STAR:
                self._remove_all(request, known)
                gone = None
            else:
                wishes = self._wishes(request, flow, known)
                self._apply(wishes, known, _Registration(request, flow, user, account, now, wall))
                gone = [wish.text for wish in wishes if wish.expires_s == 0]
            if self._other_nodes is not None and gone != []:
                self._other_nodes.withdraw(aor_of(user, account), gone, request.call_id, request.cseq.number)
        except _Refusal as refusal:
            return refusal.response
        return self._answer(request, self._location.bindings(user.id, now), now, wall)

    @staticmethod
    def _check_order(request: SipRequest, known: list[Binding]) -> None:
        """Refuse a request that is older than one that was handled (10.3 steps 6 and 7); a query is never."""
        if "Contact" not in request.headers.fields:
            return
        call_id, number = request.call_id, request.cseq.number
        for binding in known:
            if binding.call_id == call_id and number <= binding.cseq:
                raise _Refusal(request.response(400, "CSeq Out of Order"))

    def _remove_all(self, request: SipRequest, known: list[Binding]) -> None:
        if request.headers.get("Expires") != "0":
            raise _Refusal(request.response(400, "Contact * Needs Expires 0"))
        for binding in known:
            self._location.remove(binding)

    def _wishes(self, request: SipRequest, flow: Flow, known: list[Binding]) -> list[_Wish]:
        """Return what is asked, the last mention of a contact only, having checked all of it."""
        wishes: dict[str, _Wish] = {}
        for contact in request.contacts:
            assert isinstance(contact, NameAddr)  # noqa: S101 - the caller has dealt with "*"
            text = str(contact.uri)
            if contact.uri.scheme not in ("sip", "sips") or len(text) > MAX_CONTACT_CHARS:
                raise _Refusal(request.response(400, "Contact Cannot Be Used"))
            if contact.uri.scheme == "sips" and not (
                request.uri.scheme == "sips" and flow.transport == SECURE
            ):
                raise _Refusal(request.response(400, "SIPS Contact Needs SIPS And TLS"))
            _q(contact)
            wishes[text] = _Wish(
                contact, text, self._expires_s(request, contact), _find(contact, text, known)
            )
        if len(wishes) > self._config.max_bindings:
            raise _Refusal(request.response(403, "Too Many Contacts"))
        return list(wishes.values())

    def _expires_s(self, request: SipRequest, contact: NameAddr) -> int:
        config = self._config
        try:
            seconds = contact.expires if contact.param("expires") is not None else request.expires
        except RemoteProtocolError:
            seconds = None
        if seconds is None:
            return config.default_expires_s
        if 0 < seconds < min(config.min_expires_s, ONE_HOUR_S):
            response = request.response(423)
            response.headers.set("Min-Expires", str(config.min_expires_s))
            raise _Refusal(response)
        return min(seconds, config.max_expires_s)

    def _apply(self, wishes: list[_Wish], known: list[Binding], registration: _Registration) -> None:
        location = self._location
        for wish in wishes:
            # A contact that is written differently but equal replaces what was stored under its old text.
            if wish.known is not None and (wish.expires_s == 0 or wish.known.contact_text != wish.text):
                location.remove(wish.known)
        stored = [wish for wish in wishes if wish.expires_s > 0]
        mentioned = {wish.known.contact_text for wish in wishes if wish.known is not None}
        others = [binding for binding in known if binding.contact_text not in mentioned]
        others.sort(key=lambda binding: binding.deadline, reverse=True)
        while others and len(others) + len(stored) > self._config.max_bindings:
            location.remove(others.pop())
        for wish in stored:
            location.store(registration.binding(wish))

    def _answer(self, request: SipRequest, bindings: list[Binding], now: float, wall: float) -> SipResponse:
        response = request.response(200)
        headers = response.headers
        headers.set_all("Contact", [_contact_value(binding, now) for binding in bindings])
        second = int(wall)
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        headers.set("Date", self._date[1])
        return response


class _Registration(NamedTuple):
    """The facts that all bindings of one request share."""

    request: SipRequest
    flow: Flow
    user: UserInfo
    account: AccountInfo
    now: float
    wall: float

    def binding(self, wish: _Wish) -> Binding:
        """Return the binding that a wish describes."""
        request, flow = self.request, self.flow
        uri = wish.contact.uri
        return Binding(
            user_id=self.user.id,
            account_id=self.account.id,
            aor=aor_of(self.user, self.account),
            contact=uri,
            contact_text=wish.text,
            flow=flow_to_contact(uri, flow, request.top_via),
            source=flow.remote,
            q=_q(wish.contact),
            deadline=self.now + wish.expires_s,
            expires_at=self.wall + wish.expires_s,
            registered_at=wish.known.registered_at if wish.known is not None else self.wall,
            refreshed_at=self.wall,
            user_agent=(request.headers.get("User-Agent") or "")[:MAX_USER_AGENT_CHARS],
            call_id=request.call_id,
            cseq=request.cseq.number,
        )


def aor_of(user: UserInfo, account: AccountInfo) -> str:
    """Return the AOR of a user, the same for every spelling that its phones use."""
    return f"sip:{user.username}@{account.domain}"


def _find(contact: NameAddr, text: str, known: list[Binding]) -> Binding | None:
    """Return the binding whose contact equals this one (RFC 3261 19.1.4)."""
    for binding in known:
        if binding.contact_text == text:
            return binding
    return next((binding for binding in known if binding.contact.equals(contact.uri)), None)


def _q(contact: NameAddr) -> float:
    value = contact.param("q")
    if value is None:
        return 1.0
    if _QVALUE.fullmatch(value) is None:
        raise RemoteProtocolError(400, "bad q")
    return float(value)


def _contact_value(binding: Binding, now: float) -> str:
    left_s = max(1, round(binding.deadline - now))
    q = "" if binding.q == 1.0 else f";q={binding.q:g}"
    return f"<{binding.contact_text}>;expires={left_s}{q}"
