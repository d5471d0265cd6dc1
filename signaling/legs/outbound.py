# SPDX-License-Identifier: Apache-2.0
"""From a dial target to ringing phones: who has which, where it is reached, and the leg that calls it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from dialplan.engine import SipTarget, UserTarget
from signaling.binding import SECURE
from signaling.calls import failures
from signaling.calls.leg import Leg, LegCallback
from signaling.calls.ports import CallRequest, Destination
from signaling.calls.targets import TargetFailed
from signaling.directory import AccountInfo, Directory, UserInfo
from signaling.legs.callee import CalleeLeg, MakeRoute
from signaling.location import Location
from signaling.node import SipNode
from signaling.sip import Flow, NameAddr, SipUri
from signaling.transport import ResolveError, TargetRefused

OtherNodes = Callable[[UserInfo, AccountInfo], Awaitable[list[Destination]]]


@dataclass(frozen=True, slots=True)
class PhoneAddress:
    """How one phone is reached."""

    uri: SipUri
    flow: Flow
    route: MakeRoute | None = None
    """Makes the Route through the node where the phone is registered; None when that is this one."""


class Outbound:
    """Resolves dial targets and makes the legs to them.

    Args:
        node: sends the INVITEs.
        directory: accounts and users.
        location: where their phones are.
        other_nodes: returns the phones of a user that are registered at other nodes; None: there are none.
    """

    def __init__(
        self,
        node: SipNode,
        directory: Directory,
        location: Location,
        other_nodes: OtherNodes | None = None,
    ) -> None:
        self._node = node
        self._directory = directory
        self._location = location
        self._other_nodes = other_nodes

    @property
    def shared(self) -> bool:
        """Whether other nodes may have phones of the same users."""
        return self._other_nodes is not None

    async def resolve(self, target: UserTarget | SipTarget, request: CallRequest) -> Sequence[Destination]:
        """Return the phones to ring in parallel.

        Raises:
            TargetFailed: no such user, no phone of it is registered, the address may not be called, or all of it
                is reached in the clear alone while the caller wants better.
        """
        if isinstance(target, UserTarget):
            found = await self._phones_of(target.name, request)
        else:
            found = [await self._address(target, request)]
        if request.secure:
            # How a phone is reached counts, not how it spells its Contact: the path is what the caller relies on.
            user = found[0].user
            found = [each for each in found if each.address.flow.transport == SECURE]
            if not found:
                raise TargetFailed(failures.NOT_ENCRYPTED, user)
        return found

    def make_leg(
        self, destination: Destination, request: CallRequest, sdp: str, on_event: LegCallback
    ) -> Leg:
        """Start ringing ``destination`` with the offer ``sdp``."""
        address: PhoneAddress = destination.address
        caller, callee = _parties(request)
        return CalleeLeg(
            self._node,
            on_event,
            uri=request_uri(address.uri, secure=request.secure),
            flow=address.flow,
            from_=NameAddr(display_name=request.caller.display_name, uri=caller),
            to=NameAddr(display_name="", uri=callee),
            offer=sdp,
            max_forwards=request.max_forwards,
            behind_nat=destination.user is not None,
            route=address.route,
            remote_ip=destination.remote_ip,
        )

    def make_caller_leg(
        self, destination: Destination, request: CallRequest, sdp: str, on_event: LegCallback
    ) -> Leg:
        """Start ringing a phone of the caller, which sees the number that is to be dialled for it.

        All of its phones are rung under the call's own Call-ID, as by a proxy that forks.
        """
        address: PhoneAddress = destination.address
        caller, callee = _parties(request)
        dialled = self._directory.user_by_number(request.account.id, request.destination)
        name = "" if dialled is None else dialled.display_name
        return CalleeLeg(
            self._node,
            on_event,
            uri=request_uri(address.uri, secure=False),
            flow=address.flow,
            from_=NameAddr(display_name=name, uri=callee),
            to=NameAddr(display_name=request.caller.display_name, uri=caller),
            offer=sdp,
            max_forwards=request.max_forwards,
            label="A",
            call_id=request.sip_call_id,
            route=address.route,
            remote_ip=destination.remote_ip,
        )

    def phones(self, user: UserInfo) -> list[Destination]:
        """Return the phones of a user that are registered at this node, the preferred first."""
        return [
            Destination(
                address=PhoneAddress(binding.contact, binding.flow),
                remote_ip=binding.flow.remote[0],
                user=user,
            )
            for binding in self._location.bindings(user.id, self._node.loop.time())
        ]

    async def all_phones(self, user: UserInfo, account: AccountInfo) -> list[Destination]:
        """Return the phones of a user wherever they are registered, those of this node first.

        A contact that another node knows too has registered there since, or this node has just heard of it.
        """
        phones = self.phones(user)
        if self._other_nodes is None:
            return phones
        distant = await self._other_nodes(user, account)
        moved = {phone.address.uri for phone in distant}
        return [phone for phone in phones if phone.address.uri not in moved] + distant

    async def _phones_of(self, name: str, request: CallRequest) -> list[Destination]:
        user = self._directory.user_by_number(request.account.id, name)
        if user is None:
            raise TargetFailed(failures.NO_SUCH_USER)
        phones = await self.all_phones(user, request.account) if user.enabled else []
        if not phones:
            raise TargetFailed(failures.NOT_REGISTERED, user)
        return phones

    async def _address(self, target: SipTarget, request: CallRequest) -> Destination:
        params = () if target.transport is None else (("transport", target.transport),)
        uri = SipUri(scheme="sip", user=target.user, host=target.host, port=target.port, params=params)
        if request.secure and target.transport == SECURE:
            uri = uri.replace(scheme="sips", params=())
        try:
            found = (await self._node.transport.resolve(uri))[0]
            self._node.transport.check_target(found, peer_ip=request.caller_ip)
        except ResolveError as error:
            raise TargetFailed(failures.NOT_REGISTERED) from error
        except TargetRefused as error:
            raise TargetFailed(failures.BAD_TARGET) from error
        flow = self._node.transport.flow_to(found)
        return Destination(address=PhoneAddress(uri, flow), remote_ip=found.ip, user=None)


def request_uri(contact: SipUri, *, secure: bool) -> SipUri:
    """Return the Request-URI for a contact: what began with sip does not become sips on the way (RFC 5630 section 5.3)."""
    return contact if secure or contact.scheme != "sips" else contact.replace(scheme="sip")


def _parties(request: CallRequest) -> tuple[SipUri, SipUri]:
    """Return who calls and who is called, as both are known in the account."""
    domain = request.account.domain
    return (
        SipUri(scheme="sip", user=request.caller.extension, host=domain),
        SipUri(scheme="sip", user=request.destination, host=domain),
    )
