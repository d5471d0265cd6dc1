# SPDX-License-Identifier: Apache-2.0
"""A state machine test: any order of calls, answers, cancels, losses and waiting leaves two sound endpoints.

Hypothesis chooses what happens and shortens what fails. After each step the tables of both ends are consistent; at
the end every datagram is lost, and everything that the transaction users do not owe an answer to is forgotten.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from signaling.sip.dialog import Dialog
from signaling.sip.events import Event, RequestReceived, ResponseReceived
from signaling.sip.flow import Flow
from signaling.sip.message import SipResponse
from signaling.sip.parser import parse_message
from signaling.sip.tests.builders import outgoing
from signaling.sip.tests.link import Link, Network, Peer
from signaling.sip.transaction_client import ClientTransaction, InviteClientTransaction
from signaling.sip.transaction_server import ServerTransaction
from signaling.sip.transaction_tables import State

ALICE, BOB = ("192.0.2.1", 5070), ("192.0.2.2", 5070)


class Diary:
    """A transaction user that remembers events and acknowledges every 2xx."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.requests: list[ServerTransaction] = []
        self.finals: dict[ClientTransaction, list[int]] = {}
        self.seen: list[Event] = []

    def handle(self, event: Event, now: float) -> None:
        """Take one event."""
        self.seen.append(event)
        if isinstance(event, RequestReceived):
            self.peer.endpoint.accept(event.transaction, now)
            self.requests.append(event.transaction)
        elif isinstance(event, ResponseReceived) and event.response.status >= 200:
            self._final(event.transaction, event.response, event.flow, now)

    def _final(self, transaction: ClientTransaction, response: SipResponse, flow: Flow, now: float) -> None:
        self.finals.setdefault(transaction, []).append(response.status)
        if transaction.method == "INVITE" and response.status < 300:
            ack = Dialog.from_uac(transaction.request, response, flow).make_ack(1)
            self.peer.endpoint.acknowledge(transaction, ack, flow, now)


class TwoEndpoints(RuleBasedStateMachine):
    """Alice sends, Bob answers, the network does what it likes."""

    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.network = Network(Link(loss=0.2, duplicate=0.2, reorder=0.3, delay_s=0.05))
        self.alice = Diary(Peer(self.network, ALICE))
        self.bob = Diary(Peer(self.network, BOB))
        self.alice.peer.handler, self.bob.peer.handler = self.alice, self.bob
        self.calls = 0
        self.recent: list[tuple[bytes, Peer, Flow]] = []

    @rule(target=sent, method=st.sampled_from(["INVITE", "OPTIONS", "BYE"]))
    def send(self, method: str) -> ClientTransaction:
        self.calls += 1
        peer = self.alice.peer
        request = outgoing(method, call_id=f"call-{self.calls}")
        transaction: ClientTransaction = peer.do(peer.endpoint.send_request, request, peer.flow_to(BOB))
        self.recent.append((request.to_bytes(), self.bob.peer, self.bob.peer.flow_to(ALICE)))
        return transaction

    @rule(transaction=sent)
    def cancel(self, transaction: ClientTransaction) -> None:
        if isinstance(transaction, InviteClientTransaction):
            self.alice.peer.do(self.alice.peer.endpoint.cancel, transaction)

    @rule(
        pick=st.integers(0, 1000), status=st.sampled_from([100, 180, 183, 200, 202, 302, 404, 486, 503, 603])
    )
    def answer(self, pick: int, status: int) -> None:
        owed = [
            one for one in self.bob.requests if one.state in (State.TRYING, State.PROCEEDING, State.CANCELLED)
        ]
        if owed:
            transaction = owed[pick % len(owed)]
            response = transaction.request.response(status, to_tag="bob")
            response.headers.set("Contact", "<sip:bob@192.0.2.2:5070>")
            self.bob.peer.do(self.bob.peer.endpoint.respond, transaction, response)

    @rule(pick=st.integers(0, 1000))
    def replay(self, pick: int) -> None:
        """An old request arrives once more, however late."""
        if self.recent:
            data, peer, flow = self.recent[pick % len(self.recent)]
            peer.do(peer.endpoint.receive_datagram, data, flow)

    @rule(peer_is_alice=st.booleans(), cut=st.integers(0, 400))
    def garbage(self, peer_is_alice: bool, cut: int) -> None:
        """Part of an old request arrives."""
        if self.recent:
            data = self.recent[-1][0][:-5][:cut]
            peer, other = (self.alice.peer, BOB) if peer_is_alice else (self.bob.peer, ALICE)
            peer.do(peer.endpoint.receive_datagram, data, peer.flow_to(other))

    @rule(peer_is_alice=st.booleans())
    def lose_the_path(self, peer_is_alice: bool) -> None:
        peer, other = (self.alice.peer, BOB) if peer_is_alice else (self.bob.peer, ALICE)
        peer.do(peer.endpoint.transport_failed, peer.flow_to(other))

    @rule(seconds=st.sampled_from([0.05, 0.4, 2.0, 7.0, 33.0]))
    def wait(self, seconds: float) -> None:
        self.network.run(seconds)

    @rule(transaction=consumes(sent))
    def forget_the_handle(self, transaction: ClientTransaction) -> None:
        assert transaction.method in ("INVITE", "OPTIONS", "BYE")

    @invariant()
    def tables_hold_what_lives(self) -> None:
        for diary in (self.alice, self.bob):
            core = diary.peer.endpoint._core
            living = [*core.clients.values(), *core.servers.values()]
            assert all(one.state not in (State.FRESH, State.TERMINATED) for one in living)
            assert all(core.clients[one.branch, one.method] is one for one in core.clients.values())
            assert {*core.acks.values()} <= {*core.servers.values()}
            assert {*core.merged.values()} <= {*core.servers.values()}
            indexed = [
                one
                for index in (core.client_peers, core.server_peers)
                for one in index.using(diary.peer.flow_to(BOB if diary is self.alice else ALICE))
            ]
            assert len(indexed) == len(living)
            assert len(core.queue) <= 2 * len(living)

    @invariant()
    def one_final_response_is_reported(self) -> None:
        for transaction, statuses in self.alice.finals.items():
            assert len(statuses) == 1, (transaction, statuses)

    def teardown(self) -> None:
        self.network.link = Link(loss=1.0)
        self.network.run(1)
        for served in self.bob.requests:
            if served.method == "INVITE" and served.state in (State.PROCEEDING, State.CANCELLED):
                response = served.request.response(480, to_tag="bob")
                self.bob.peer.do(self.bob.peer.endpoint.respond, served, response)
        for sent in list(self.alice.peer.endpoint._core.clients.values()):
            if isinstance(sent, InviteClientTransaction):
                self.alice.peer.do(self.alice.peer.endpoint.cancel, sent)
        self.network.run(200)
        for diary in (self.alice, self.bob):
            endpoint = diary.peer.endpoint
            assert (endpoint.client_transactions, endpoint.server_transactions) == (0, 0)
            assert endpoint.get_timer() is None


TwoEndpoints.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTwoEndpoints = TwoEndpoints.TestCase


def test_the_machine_can_reach_an_answered_call() -> None:
    """The rules above can do what they are meant to; a machine that only idles would prove nothing."""
    machine = TwoEndpoints()
    machine.send("INVITE")
    machine.wait(7.0)
    machine.answer(0, 200)
    machine.wait(33.0)
    assert [*machine.alice.finals.values()] == [[200]]
    assert isinstance(parse_message(machine.recent[0][0]).call_id, str)
    machine.tables_hold_what_lives()
    machine.teardown()
