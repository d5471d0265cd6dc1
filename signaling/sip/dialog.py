# SPDX-License-Identifier: Apache-2.0
"""A dialog: what two user agents remember of each other between requests (RFC 3261 12).

It builds and checks messages, and knows no transaction, timer or path beyond the flow that it keeps for its user.
Invariant: `local_cseq` rises by one with each request but ACK, `remote_cseq` never falls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from signaling.sip.dialog_tables import DIALOG, DialogAction, DialogInput, DialogState
from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.flow import Flow
from signaling.sip.headers import Headers
from signaling.sip.matching import tag_of
from signaling.sip.message import SipMessage, SipRequest, SipResponse
from signaling.sip.uri import SipUri
from signaling.sip.values import NameAddr

MAX_FORWARDS = "70"
TARGET_REFRESH_METHODS = frozenset({"INVITE", "UPDATE"})
"""Requests whose Contact moves the remote target (RFC 3261 12.2, RFC 3311 5)."""
CONTACT_METHODS = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
"""Requests that must carry a Contact (RFC 3261 20.10, RFC 3311, RFC 6665, RFC 3515)."""

ExtraHeaders = Iterable[tuple[str, str]]


class DialogId(NamedTuple):
    """What names a dialog at this end (RFC 3261 12): an absent tag of an RFC 2543 peer is ""."""

    call_id: str
    local_tag: str
    remote_tag: str

    @classmethod
    def of_request(cls, request: SipRequest) -> DialogId:
        """Return the id of the dialog that a received request would belong to; 400 when it has no legal tags."""
        fields = request.headers.fields
        return cls(request.call_id, tag_of(fields.get("To")) or "", tag_of(fields.get("From")) or "")

    @classmethod
    def of_response(cls, response: SipResponse) -> DialogId:
        """Return the id of the dialog that a received response would belong to; 400 as for a request."""
        fields = response.headers.fields
        return cls(response.call_id, tag_of(fields.get("From")) or "", tag_of(fields.get("To")) or "")


class Dialog:
    """One end of a dialog. Every attribute is for reading, but `flow` and `local_contact` may be replaced."""

    __slots__ = (
        "flow",
        "id",
        "local_contact",
        "local_cseq",
        "local_line",
        "local_uri",
        "remote_cseq",
        "remote_line",
        "remote_target",
        "remote_uri",
        "route_set",
        "state",
    )

    def __init__(
        self,
        dialog_id: DialogId,
        *,
        local: NameAddr,
        remote: NameAddr,
        local_contact: NameAddr | None,
        remote_target: SipUri,
        route_set: tuple[NameAddr, ...],
        flow: Flow,
    ) -> None:
        self.id = dialog_id
        self.state = DialogState.EARLY
        self.local_uri, self.local_line = local.uri, str(local)
        self.remote_uri, self.remote_line = remote.uri, str(remote)
        self.local_contact = local_contact
        self.remote_target = remote_target
        self.route_set = route_set
        """From the nearest proxy to the farthest (RFC 3261 12.1)."""
        self.local_cseq = 0
        self.remote_cseq: int | None = None
        self.flow = flow
        """Path to the next hop, as the user of the dialog sees it."""

    @classmethod
    def from_uas(cls, request: SipRequest, local_tag: str, contact: NameAddr, flow: Flow) -> Dialog:
        """Return the early dialog of a received INVITE that is answered with `local_tag` (RFC 3261 12.1.1).

        Raises RemoteProtocolError(400) when the request has no usable Contact.
        """
        target = _contact_uri(request)
        if target is None:
            raise RemoteProtocolError(400, "Contact is missing")
        dialog = cls(
            DialogId(request.call_id, local_tag, request.from_.tag or ""),
            local=request.to.with_tag(local_tag),
            remote=request.from_,
            local_contact=contact,
            remote_target=target,
            route_set=tuple(request.record_routes),
            flow=flow,
        )
        dialog.remote_cseq = request.cseq.number
        return dialog

    @classmethod
    def from_uac(cls, request: SipRequest, response: SipResponse, flow: Flow) -> Dialog:
        """Return the dialog that a 101-299 response to a sent INVITE makes (RFC 3261 12.1.2): early or confirmed.

        A response without Contact, which some phones send, leaves the Request-URI as the target.
        """
        if not 100 < response.status < 300:
            raise LocalProtocolError(f"a {response.status} makes no dialog")
        contacts = request.contacts
        dialog = cls(
            DialogId(request.call_id, request.from_.tag or "", response.to.tag or ""),
            local=request.from_,
            remote=response.to,
            local_contact=contacts[0] if contacts and not isinstance(contacts, str) else None,
            remote_target=_contact_uri(response) or request.uri,
            route_set=tuple(reversed(response.record_routes)),
            flow=flow,
        )
        dialog.local_cseq = request.cseq.number
        if response.status >= 200:
            dialog.state = DialogState.CONFIRMED
        return dialog

    def restore(self, local_cseq: int, remote_cseq: int | None) -> None:
        """Go on with a confirmed dialog that was kept: `local_cseq` may be higher than the one used last, never lower."""
        self.state = DialogState.CONFIRMED
        self.local_cseq, self.remote_cseq = local_cseq, remote_cseq

    def make_request(
        self,
        method: str,
        *,
        body: bytes = b"",
        content_type: str | None = None,
        extra_headers: ExtraHeaders = (),
    ) -> SipRequest:
        """Return the next request within the dialog (RFC 3261 12.2.1.1), without Via; a BYE terminates the dialog.

        Raises LocalProtocolError for ACK and CANCEL, and in Terminated for all but a repeated BYE.
        """
        if method in ("ACK", "CANCEL"):
            raise LocalProtocolError(f"{method} is made by make_ack() or cancel()")
        if self.state is DialogState.TERMINATED and method != "BYE":
            raise LocalProtocolError(f"{method} in a terminated dialog")
        if method == "BYE":
            self.step(DialogInput.BYE)
        self.local_cseq += 1
        request = self._build(method, self.local_cseq, body, content_type, extra_headers)
        if method in CONTACT_METHODS and self.local_contact is not None:
            request.headers.set("Contact", str(self.local_contact))
        return request

    def make_ack(
        self,
        invite_cseq: int,
        *,
        body: bytes = b"",
        content_type: str | None = None,
        extra_headers: ExtraHeaders = (),
    ) -> SipRequest:
        """Return the ACK to the 2xx of the INVITE with number `invite_cseq` (RFC 3261 13.2.2.4), without Via.

        `extra_headers` must repeat the credentials of the INVITE, if it had any (22.1).
        """
        return self._build("ACK", invite_cseq, body, content_type, extra_headers)

    def receive_request(self, request: SipRequest) -> None:
        """Check a received request of this dialog, and take over what it changes (RFC 3261 12.2.2).

        Raises RemoteProtocolError: 500 when its CSeq is lower than one before, 481 in Terminated.
        """
        if request.method == "ACK":
            return
        if self.state is DialogState.TERMINATED and request.method != "BYE":
            raise RemoteProtocolError(481, "the dialog is over")
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            raise RemoteProtocolError(500, "CSeq is lower than before")
        self.remote_cseq = number
        if request.method == "BYE":
            self.step(DialogInput.BYE)
        elif request.method in TARGET_REFRESH_METHODS:
            self.remote_target = _contact_uri(request) or self.remote_target

    def receive_response(self, response: SipResponse) -> None:
        """Take over what a received response changes (RFC 3261 12.2.1.2, 13.2.2).

        In Early it is taken as a response to the INVITE that made the dialog, if it is one to an INVITE. A 481
        terminates the dialog; what a 408 means is left to the user of the dialog.
        """
        method, status = response.cseq.method, response.status
        if self.state is DialogState.EARLY and method == "INVITE":
            if status > 100:
                self.step(_input_of(status), response)
        elif status == 481:
            self.step(DialogInput.GONE)
        if 200 <= status < 300 and method in TARGET_REFRESH_METHODS:
            self.remote_target = _contact_uri(response) or self.remote_target

    def sent_response(self, status: int) -> None:
        """Note that a response to the INVITE that made the dialog was sent; 100 changes nothing."""
        if status > 100:
            self.step(_input_of(status))

    def step(self, given: DialogInput, response: SipResponse | None = None) -> None:
        """Take one input of the table. Raises RemoteProtocolError for a pair that it does not have."""
        transition = DIALOG.get((self.state, given))
        if transition is None:
            raise RemoteProtocolError(400, f"{given} in a dialog in {self.state}")
        action, self.state = transition
        if action is DialogAction.REFRESH_ROUTE_SET and response is not None:
            self.route_set = tuple(reversed(response.record_routes))

    def _build(
        self,
        method: str,
        cseq: int,
        body: bytes,
        content_type: str | None,
        extra_headers: ExtraHeaders,
    ) -> SipRequest:
        uri, routes = self._route()
        fields = {
            "Max-Forwards": [MAX_FORWARDS],
            "From": [self.local_line],
            "To": [self.remote_line],
            "Call-ID": [self.id.call_id],
            "CSeq": [f"{cseq} {method}"],
        }
        if routes:
            fields["Route"] = routes
        headers = Headers.from_fields(fields)
        if content_type is not None:
            headers.set("Content-Type", content_type)
        for name, value in extra_headers:
            headers.add(name, value)
        return SipRequest(method, uri, headers, body)

    def _route(self) -> tuple[SipUri, list[str]]:
        """Return Request-URI and Route lines (RFC 3261 12.2.1.1): the first proxy decides loose or strict routing."""
        target = _as_request_uri(self.remote_target)
        if not self.route_set:
            return target, []
        first = self.route_set[0].uri
        if first.param("lr") is not None:
            return target, [str(route) for route in self.route_set]
        rest = [str(route) for route in self.route_set[1:]]
        return _as_request_uri(first), [*rest, f"<{target}>"]

    def __repr__(self) -> str:
        return f"<Dialog {self.id.call_id} {self.state}>"


def _contact_uri(message: SipMessage) -> SipUri | None:
    """Return the one Contact as a URI that a request can be sent to, None when there is no Contact; else 400."""
    contacts = message.contacts
    if not contacts:
        return None
    if isinstance(contacts, str) or len(contacts) > 1 or contacts[0].uri.scheme not in ("sip", "sips"):
        raise RemoteProtocolError(400, "Contact is no single SIP URI")
    return contacts[0].uri


def _as_request_uri(uri: SipUri) -> SipUri:
    """Return `uri` without what a Request-URI must not have (RFC 3261 19.1.1)."""
    if not uri.headers and uri.param("method") is None:
        return uri
    return uri.replace(headers=(), params=tuple(pair for pair in uri.params if pair[0] != "method"))


def _input_of(status: int) -> DialogInput:
    if status < 200:
        return DialogInput.PROVISIONAL
    return DialogInput.ACCEPTED if status < 300 else DialogInput.REJECTED
