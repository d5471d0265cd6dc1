# SPDX-License-Identifier: Apache-2.0
"""Passes on what another node of the installation sends to a phone that is registered here, and what comes back.

A phone behind NAT can be reached only from the address and port, or over the connection, that it registered over. So
the node that handles the call sends its requests through the node that has the phone, which forwards them without
keeping anything: a stateless proxy (RFC 3261 section 16.11) that knows its own routes by their signature. It reads no
body and makes no call. Invariants: nothing is forwarded that has not a route or branch of this installation for this
very Call-ID; each forwarded request has one hop less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from signaling.location import Location
from signaling.shared.routes import PREFIX, Path, RouteTexts
from signaling.sip import Flow, RemoteProtocolError, SipRequest, SipResponse
from signaling.sip.parser import ParseLimits, parse_message
from signaling.sip.routing import bracketed, via_line

MARK = PREFIX.encode()
DEFAULT_MAX_FORWARDS = 70
TO_PHONES = frozenset({"INVITE", "ACK", "CANCEL"})
"""What reaches a phone by its binding; all else belongs to a dialog and has the dialog's route."""


class Transport(Protocol):
    """What is used of the transports."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes along a flow."""

    def advertised(self, remote_ip: str, transport: str) -> tuple[str, int]:
        """Return this node's host and port as ``remote_ip`` sees it."""


class Relay:
    """The proxy of one node.

    Args:
        location: the phones that are registered here.
        transport: sends.
        routes: makes and reads signed routes.
        now: monotonic seconds.
        limits: what is parsed.
    """

    def __init__(
        self,
        location: Location,
        transport: Transport,
        routes: RouteTexts,
        *,
        now: Callable[[], float],
        limits: ParseLimits,
    ) -> None:
        self._location = location
        self._transport = transport
        self._routes = routes
        self._now = now
        self._limits = limits
        self.relayed = 0
        """Messages that were passed on."""

    def take(self, data: bytes, flow: Flow) -> bool:
        """Deal with a message that is for another node or its phone; False: it is for this node itself."""
        if MARK not in data:
            return False
        try:
            message = parse_message(data, self._limits)
            if isinstance(message, SipResponse):
                return self._pass_response(message)
            return self._pass_request(message, flow)
        except RemoteProtocolError:
            return False

    # --- Responses ----------------------------------------------------------------------------------------------

    def _pass_response(self, response: SipResponse) -> bool:
        branch = response.top_via.branch or ""
        if PREFIX not in branch:
            return False
        vias = response.vias
        if len(vias) > 1:
            flow = self._routes.read_branch(branch, response.call_id, vias[1].branch or "")
            if flow is not None:
                response.remove_top_via()
                self._send(response, flow)
        return True

    # --- Requests -----------------------------------------------------------------------------------------------

    def _pass_request(self, request: SipRequest, flow: Flow) -> bool:
        text = _own_route(request)
        if text is None:
            return False
        call_id = request.call_id
        path = self._routes.read_path(text, call_id)
        user_id = None if path is not None else self._routes.read_binding(text, call_id)
        if path is not None:
            if path.source == flow.remote[0]:
                self._forward(request, flow, path.flow)
        elif user_id is not None and request.method in TO_PHONES:
            to_phone = self._flow_of(user_id, request)
            if request.method == "INVITE" and to_phone is not None:
                self._record_route(request, flow, to_phone)
            self._forward(request, flow, to_phone)
        return True

    def _flow_of(self, user_id: str, request: SipRequest) -> Flow | None:
        contact = str(request.uri)
        # A phone with a sips contact is asked for by its sip form, see `legs.outbound.request_uri`.
        wanted = (contact, contact.replace("sip:", "sips:", 1))
        for binding in self._location.bindings(user_id, self._now()):
            if binding.contact_text in wanted:
                return binding.flow
        return None

    def _record_route(self, request: SipRequest, sender: Flow, phone: Flow) -> None:
        """Stay in the path of the dialog, by one route for either side (RFC 5658)."""
        for towards, other in ((sender, phone), (phone, sender)):
            text = self._routes.to_path(Path(other, towards.remote[0]), request.call_id)
            host, port = self._transport.advertised(towards.remote[0], towards.transport)
            transport = "" if towards.transport == "udp" else f";transport={towards.transport}"
            request.headers.prepend("Record-Route", f"<sip:{text}@{bracketed(host)}:{port}{transport};lr>")

    def _forward(self, request: SipRequest, came_by: Flow, goes_by: Flow | None) -> None:
        hops = request.max_forwards
        if hops == 0:
            self._refuse(request, came_by, 483)
            return
        if goes_by is None or not goes_by.transport:
            self._refuse(request, came_by, 430, "Flow Failed")
            return
        while _own_route(request) is not None:
            _drop_first_route(request)
        request.headers.set("Max-Forwards", str((DEFAULT_MAX_FORWARDS if hops is None else hops) - 1))
        branch = self._routes.branch_to(came_by, request.call_id, request.top_via.branch or "")
        sent_by = self._transport.advertised(goes_by.remote[0], goes_by.transport)
        request.headers.prepend("Via", via_line(goes_by, sent_by, branch))
        self._send(request, goes_by)

    def _refuse(self, request: SipRequest, came_by: Flow, status: int, reason: str | None = None) -> None:
        if request.method != "ACK":
            to_tag = self._routes.branch_to(came_by, request.call_id, "")[-16:].replace("_", ".")
            self._transport.send(request.response(status, reason, to_tag=to_tag).to_bytes(), came_by)

    def _send(self, message: SipRequest | SipResponse, flow: Flow) -> None:
        if flow.transport:
            self.relayed += 1
            self._transport.send(message.to_bytes(), flow)


def _own_route(request: SipRequest) -> str | None:
    """Return the user of the first Route when it is one of this installation's."""
    routes = request.routes
    user = routes[0].uri.user if routes else None
    return user if user and user.startswith(PREFIX) else None


def _drop_first_route(request: SipRequest) -> None:
    rest = [str(route) for route in request.routes[1:]]
    if rest:
        request.headers.set_all("Route", rest)
    else:
        request.headers.remove("Route")
