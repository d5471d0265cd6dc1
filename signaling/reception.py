# SPDX-License-Identifier: Apache-2.0
"""Requests that belong to no dialog: who may ask, and who answers.

Everything but OPTIONS is challenged before it costs anything. Invariant: a request that is not authenticated leaves
no state behind.
"""

from __future__ import annotations

import time

from signaling.authentication import Authenticated, Authenticator
from signaling.binding import SECURE
from signaling.calls import failures
from signaling.calls.failures import CallFailure
from signaling.calls.manager import CallManager
from signaling.calls.ports import CallRequest
from signaling.directory import AccountInfo, Directory, UserInfo
from signaling.guard import Guard
from signaling.legs.caller import CallerLeg
from signaling.legs.within_dialog import ALLOW, SDP, refusal_of_extension, too_small
from signaling.node import SipNode
from signaling.registrar import Registrar
from signaling.sip import SipResponse
from signaling.sip.events import RequestReceived

DEFAULT_MAX_FORWARDS = 70


class Reception:
    """Takes the requests that open something.

    Args:
        node: answers; its handlers are set here.
        authenticator: says who asks.
        registrar: answers REGISTER.
        directory: accounts and dialplans.
        calls: takes INVITE.
        guard: told of what is answered without credentials.
    """

    def __init__(
        self,
        node: SipNode,
        authenticator: Authenticator,
        registrar: Registrar,
        directory: Directory,
        calls: CallManager,
        guard: Guard,
    ) -> None:
        self._node = node
        self._authenticator = authenticator
        self._registrar = registrar
        self._directory = directory
        self._calls = calls
        self._guard = guard
        node.handlers.update(
            {"INVITE": self.on_invite, "REGISTER": self.on_register, "OPTIONS": self.on_options}
        )
        node.on_unhandled = self.on_other

    def on_options(self, event: RequestReceived) -> None:
        """Answer OPTIONS (RFC 3261 section 11.2); it is what others see whether this node lives by."""
        self._guard.stray(event.flow, self._node.loop.time())
        refusal = refusal_of_extension(event.request, self._node.sessions)
        if refusal is not None:
            self._node.respond_stateless(event, refusal)
            return
        response = event.request.response(200)
        response.headers.set("Allow", ALLOW + ", REGISTER")
        response.headers.set("Accept", SDP)
        self._node.respond_stateless(event, response)

    def on_register(self, event: RequestReceived) -> None:
        """Authenticate and register."""
        caller = self._authenticate(event, proxy=False)
        if caller is None:
            return
        if not_served(event):
            self._node.respond_stateless(event, event.request.response(416))
        else:
            response = self._registrar.handle(
                event.request, event.flow, caller.user, caller.account, self._node.loop.time(), time.time()
            )
            self._node.add_to_tag(event.request, response)
            self._node.respond(event.transaction, response)

    def on_other(self, event: RequestReceived) -> None:
        """Refuse what this server does not do, to those who may know: 405 (RFC 3261 section 8.2.1)."""
        if self._authenticate(event, proxy=True) is not None:
            response = event.request.response(405)
            response.headers.set("Allow", ALLOW + ", REGISTER")
            self._node.respond_stateless(event, response)

    def on_invite(self, event: RequestReceived) -> None:
        """Authenticate, check and start a call."""
        caller = self._authenticate(event, proxy=True)
        if caller is None:
            return
        refusal = self._unusable(event)
        if refusal is not None:
            self._node.respond_stateless(event, refusal)
            return
        self._start_call(event, caller.account, caller.user)

    def reauthenticate(self, event: RequestReceived, user: UserInfo) -> SipResponse | None:
        """Return what refuses a request within a dialog of ``user`` that came from a new address, or None."""
        now = self._node.loop.time()
        result = self._authenticator.check(event.request, event.flow, now, proxy=True, own_aor=False)
        if not isinstance(result, Authenticated):
            return result.response
        return None if result.user.id == user.id else event.request.response(403)

    # --- Inside -------------------------------------------------------------------------------------------------

    def _authenticate(self, event: RequestReceived, *, proxy: bool) -> Authenticated | None:
        result = self._authenticator.check(event.request, event.flow, self._node.loop.time(), proxy=proxy)
        if isinstance(result, Authenticated):
            return result
        self._node.respond_stateless(event, result.response)
        return None

    def _unusable(self, event: RequestReceived) -> SipResponse | None:
        """Return the response to an INVITE that cannot become a call, or None."""
        request = event.request
        if not_served(event):
            return request.response(416)
        refusal = refusal_of_extension(request, self._node.sessions)
        if refusal is not None:
            return refusal
        if request.body and request.content_type != SDP:
            response = request.response(415)
            response.headers.set("Accept", SDP)
            return response
        if request.body and (request.headers.get("Content-Encoding") or "identity").lower() != "identity":
            response = request.response(415)
            response.headers.set("Accept-Encoding", "identity")
            return response
        if request.max_forwards == 0:
            return request.response(483)
        contacts = request.contacts
        if isinstance(contacts, str) or len(contacts) != 1:
            return request.response(400, "Exactly One Contact Needed")
        least_s = self._node.sessions.refuses(request)
        return too_small(request, least_s) if least_s else None

    def _start_call(self, event: RequestReceived, account: AccountInfo, user: UserInfo) -> None:
        request = event.request
        number = request.uri.user or ""
        refusal: CallFailure | None = self._calls.refusal(account, user)
        route = self._directory.dialplan(account.id).match(number) if number else None
        leg = CallerLeg(self._node, event)
        leg.reauthenticate = lambda later: self.reauthenticate(later, user)
        hops = request.max_forwards
        call = self._calls.start(
            leg,
            CallRequest(
                sip_call_id=request.call_id,
                account=account,
                caller=user,
                caller_ip=event.flow.remote[0],
                destination=number,
                route=route,
                sdp=leg.offer,
                refusal=refusal or (failures.NO_ROUTE if route is None else None),
                max_forwards=(DEFAULT_MAX_FORWARDS if hops is None else hops) - 1,
                secure=request.uri.scheme == "sips",
            ),
        )
        leg.listen(call.on_leg_event)


def not_served(event: RequestReceived) -> bool:
    """Whether a request asks for a sips URI where there is none: on any transport but TLS (RFC 3261 section 21.4.14)."""
    return event.request.uri.scheme == "sips" and event.flow.transport != SECURE
