# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.engine import CallFacts, SipTarget, UserTarget
from dialplan.engine.errors import TargetError, TemplateError
from dialplan.engine.targets import MAX_USER_LENGTH, compile_target, parse_target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user/1001", UserTarget(name="1001")),
        ("sip:100@192.0.2.10:5080", SipTarget(user="100", host="192.0.2.10", port=5080, transport=None)),
        ("sip:+49@PBX.Example.com", SipTarget(user="+49", host="pbx.example.com", port=None, transport=None)),
        ("sip:a@[2001:DB8::1]:5060", SipTarget(user="a", host="[2001:db8::1]", port=5060, transport=None)),
        ("sip:a@[::1]", SipTarget(user="a", host="[::1]", port=None, transport=None)),
        ("sip:a@host;transport=TCP", SipTarget(user="a", host="host", port=None, transport="tcp")),
        ("sip:a@host;transport=tls", SipTarget(user="a", host="host", port=None, transport="tls")),
    ],
)
def test_it_reads_a_target(text: str, expected: object) -> None:
    assert parse_target(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1001",
        "user/",
        "user/a b",
        "user/a\r\nb",
        "group/sales",
        "sip:192.0.2.1",
        "sip:@host",
        "sip:a@",
        "sip:a@host:0",
        "sip:a@host:65536",
        "sip:a@host:5060x",
        "sip:a@host:",
        "sip:a@ho st",
        "sip:a@-host",
        "sip:a@[::1",
        "sip:a@[::g]",
        "sip:a@[::1]5060",
        "sip:a@host;lr",
        "sip:a@host;transport=carrier-pigeon",
        "sips:a@host",
        "sip:a%20b@host",
    ],
)
def test_it_refuses_what_cannot_be_dialled(text: str) -> None:
    with pytest.raises(TargetError):
        parse_target(text)


@pytest.mark.parametrize(
    "text", ["sip:a@${destination}", "sip:a@host:${destination}", "sip:a@h;transport=${call_id}"]
)
def test_a_caller_cannot_choose_the_host(text: str) -> None:
    with pytest.raises(TargetError, match="user part alone"):
        compile_target(text)


def test_an_undefined_variable_is_refused() -> None:
    with pytest.raises(TemplateError, match="no variable"):
        compile_target("user/${number}")


def test_variables_are_filled_in_for_each_call() -> None:
    build = compile_target("sip:9${destination}@192.0.2.1")
    assert build(CallFacts("1")) == SipTarget(user="91", host="192.0.2.1", port=None, transport=None)
    assert build(CallFacts("2")) == SipTarget(user="92", host="192.0.2.1", port=None, transport=None)


@pytest.mark.parametrize("value", ["", "1\r\n2", "1" * (MAX_USER_LENGTH + 1), "\x00"])
def test_a_value_that_cannot_be_dialled_is_refused_in_the_call(value: str) -> None:
    with pytest.raises(TargetError):
        compile_target("user/${destination}")(CallFacts(value))


@given(st.text())
def test_no_number_moves_the_call_to_another_host(number: str) -> None:
    try:
        target = compile_target("sip:${destination}@192.0.2.1:5070")(CallFacts(number))
    except TargetError:
        assert not number or len(number) > MAX_USER_LENGTH or not number.isprintable()
    else:
        assert target == SipTarget(user=number, host="192.0.2.1", port=5070, transport=None)
