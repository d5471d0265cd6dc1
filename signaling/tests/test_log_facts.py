# SPDX-License-Identifier: Apache-2.0
"""What a log line says about a SIP message."""

from types import SimpleNamespace
from typing import Any

from structlog.testing import capture_logs

from signaling.legs.tests.line import TO_NODE, Line
from signaling.log_facts import facts_of
from signaling.sip import Headers, RemoteProtocolError, SipRequest, SipUri


def leg(label: str = "B") -> Any:
    account = SimpleNamespace(domain="acme.test")
    return SimpleNamespace(label=label, call=SimpleNamespace(request=SimpleNamespace(account=account)))


def message(call_id: str = "call-1", to: str = "<sip:a@acme.test>;tag=here") -> SipRequest:
    headers = Headers()
    for name, value in (("Call-ID", call_id), ("To", to), ("From", "<sip:b@acme.test>;tag=there")):
        headers.add(name, value)
    return SipRequest("INFO", SipUri.parse("sip:a@acme.test"), headers)


def test_the_owner_of_a_transaction_names_account_and_leg():
    event = SimpleNamespace(transaction=SimpleNamespace(user=leg()), response=message())
    assert facts_of(event, {}) == {"call_id": "call-1", "account": "acme.test", "leg": "B"}


def test_a_request_is_known_by_its_dialog():
    event = SimpleNamespace(transaction=SimpleNamespace(user=None), request=message())
    dialogs = {("call-1", "here", "there"): leg("A")}
    assert facts_of(event, dialogs) == {"call_id": "call-1", "account": "acme.test", "leg": "A"}


def test_the_end_of_a_transaction_names_the_call_of_its_request():
    event = SimpleNamespace(transaction=SimpleNamespace(user=leg(), request=message("call-2")))
    assert facts_of(event, {})["call_id"] == "call-2"


def test_nothing_is_made_up_and_nothing_is_raised():
    nothing = {"call_id": None, "account": None, "leg": None}
    assert facts_of(object(), {}) == nothing
    broken = SimpleNamespace(transaction=None, request=message(to="<<<"))
    assert facts_of(broken, {}) == {**nothing, "call_id": "call-1"}


async def test_a_refused_request_is_logged_with_its_call():
    line = Line()

    def refuse(event: Any) -> None:
        raise RemoteProtocolError(400, "no")

    line.node.handlers["OPTIONS"] = refuse
    request = (
        b"OPTIONS sip:192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK1\r\n"
        b"From: <sip:a@acme.test>;tag=1\r\nTo: <sip:b@acme.test>\r\nCall-ID: call-3\r\nCSeq: 1 OPTIONS\r\n"
        b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    with capture_logs() as lines:
        line.node.on_message(request, TO_NODE)
    assert [(each["event"], each["call_id"]) for each in lines] == [("sip.refused", "call-3")]
