# SPDX-License-Identifier: Apache-2.0
"""The session timer: its table, what it grants and asks for, and two of them against each other."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip import Headers, LocalProtocolError, RemoteProtocolError, SipRequest, SipResponse, SipUri
from signaling.sip.session_headers import SessionExpires, SessionPolicy, min_se, session_expires
from signaling.sip.session_timer import SessionFacts, SessionTimer
from signaling.sip.session_timer_tables import SESSION_TIMER, TimerAction, TimerInput, TimerState

POLICY = SessionPolicy()
KEEPER = SessionPolicy(refreshes_all=True)

EXPECTED = {
    TimerState.OFF: ("Keeping", "Waiting", "Off", None, None, "Off"),
    TimerState.WAITING: ("Keeping", "Waiting", "Off", None, "Expired", "Waiting"),
    TimerState.KEEPING: ("Keeping", "Waiting", "Off", "Refreshing", "Expired", "Keeping"),
    TimerState.REFRESHING: ("Keeping", "Waiting", "Off", None, "Expired", "Keeping"),
    TimerState.EXPIRED: ("Expired", "Expired", "Expired", None, None, "Expired"),
}
"""Next state for OURS, THEIRS, NONE, HALF, LATE, REFUSED; None for an error."""


def request(**headers: Any) -> SipRequest:
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return SipRequest("INVITE", SipUri(user="1", host="a.test"), Headers(fields))


def response(status: int = 200, **headers: Any) -> SipResponse:
    return SipResponse(status, None, request(**headers).headers)


def answer(timer: SessionTimer, now: float = 0.0, **headers: Any) -> dict[str, str]:
    return dict(timer.answer(request(**headers), now))


def running(now: float = 0.0, policy: SessionPolicy = POLICY, **headers: Any) -> SessionTimer:
    timer = SessionTimer(policy)
    timer.answered(response(**headers), now)
    return timer


@pytest.mark.parametrize(("state", "happened"), list(product(TimerState, TimerInput)))
def test_the_table_has_each_pair_or_refuses_it(state: TimerState, happened: TimerInput) -> None:
    after = EXPECTED[state][list(TimerInput).index(happened)]
    timer = SessionTimer(POLICY)
    timer.state = state
    if after is None:
        assert (state, happened) not in SESSION_TIMER
        with pytest.raises(LocalProtocolError):
            timer._step(happened)
        assert timer.state is state
    else:
        timer._step(happened)
        assert timer.state == after


# --- Headers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "interval_s", "refresher"),
    [
        ("1800", 1800, None),
        (" 90 ;refresher=uas", 90, "uas"),
        ("90;refresher=UAC", 90, "uac"),
        ("90;foo=bar;refresher=uas", 90, "uas"),
        ("90;refresher=somebody", 90, None),
        ("999999999999999999", 2**31 - 1, None),
    ],
)
def test_it_reads_session_expires(text: str, interval_s: int, refresher: str | None) -> None:
    assert SessionExpires.parse(text) == (interval_s, refresher)


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "90.5", ";refresher=uas", "90;refresher=uas;refresher=uac"]
)
def test_a_malformed_interval_is_a_bad_request(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        POLICY.refuses(request(Session_Expires=text, Supported="timer"))
    assert raised.value.status_hint == 400


def test_the_compact_form_is_known() -> None:
    assert session_expires(request(x="91").headers) == (91, None)


def test_min_se_is_90_unless_it_is_said() -> None:
    assert min_se(request().headers) == 90
    assert min_se(request(Min_SE="300;why=not").headers) == 300


@given(st.integers(0, 2**31 - 1), st.sampled_from([None, "uac", "uas"]))
def test_what_is_written_is_read_again(interval_s: int, refresher: str | None) -> None:
    value = SessionExpires(interval_s, refresher)
    assert SessionExpires.parse(str(value)) == value


@given(st.text(max_size=40))
def test_whatever_is_written_there_only_a_bad_request_comes_of_it(text: str) -> None:
    headers = Headers.from_fields({"Session-Expires": [text], "Min-SE": [text], "Supported": [text]})
    try:
        POLICY.refuses(SipRequest("INVITE", SipUri(host="a.test"), headers))
    except RemoteProtocolError as error:
        assert error.status_hint == 400


def test_too_short_an_interval_is_refused_to_those_who_understand_that() -> None:
    assert POLICY.refuses(request(Supported="timer", Session_Expires="60")) == 90
    assert POLICY.refuses(request(Require="timer", Session_Expires="60")) == 90
    assert POLICY.refuses(request(Session_Expires="60")) == 0
    assert POLICY.refuses(request(Supported="timer", Session_Expires="90")) == 0
    assert SessionPolicy(expires_s=0).refuses(request(Supported="timer", Session_Expires="60")) == 0


def test_timer_is_an_extension_that_is_there_unless_it_is_off() -> None:
    assert POLICY.unsupported(["timer", "100rel"]) == ["100rel"]
    assert SessionPolicy(expires_s=0).unsupported(["timer"]) == ["timer"]


def test_a_first_invite_asks_for_what_is_set() -> None:
    assert POLICY.headers() == [("Supported", "timer"), ("Session-Expires", "1800")]
    longer = SessionPolicy(expires_s=600, min_se_s=120)
    assert longer.headers() == [("Supported", "timer"), ("Session-Expires", "600"), ("Min-SE", "120")]
    assert SessionPolicy(expires_s=0).headers() == []


# --- As the one who is asked --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "granted", "required", "state"),
    [
        ({}, None, False, "Off"),
        ({"Supported": "100rel"}, None, False, "Off"),
        ({"Supported": "timer"}, "1800;refresher=uas", True, "Keeping"),
        ({"Supported": "timer", "Session_Expires": "600"}, "600;refresher=uas", True, "Keeping"),
        ({"Supported": "timer", "Session_Expires": "3600"}, "1800;refresher=uas", True, "Keeping"),
        (
            {"Supported": "timer", "Session_Expires": "600;refresher=uac"},
            "600;refresher=uac",
            True,
            "Waiting",
        ),
        (
            {"Supported": "timer", "Session_Expires": "600;refresher=uas"},
            "600;refresher=uas",
            True,
            "Keeping",
        ),
        ({"Session_Expires": "600"}, "600;refresher=uas", False, "Keeping"),
        ({"Session_Expires": "60"}, None, False, "Off"),
        (
            {"Supported": "timer", "Session_Expires": "4000", "Min_SE": "3600"},
            "3600;refresher=uas",
            True,
            "Keeping",
        ),
        ({"Supported": "timer", "Min_SE": "3600"}, "3600;refresher=uas", True, "Keeping"),
    ],
)
def test_it_grants_by_table_2_of_rfc_4028(
    headers: dict[str, Any], granted: str | None, required: bool, state: str
) -> None:
    timer = SessionTimer(POLICY)
    said = answer(timer, **headers)
    assert said.get("Session-Expires") == granted
    assert ("Require" in said) is required
    assert timer.state == state


@given(
    asked=st.none() | st.integers(1, 10_000),
    least=st.none() | st.integers(1, 10_000),
    speaks=st.booleans(),
    refresher=st.sampled_from(["", ";refresher=uac", ";refresher=uas"]),
    ours=st.integers(90, 10_000),
)
def test_it_grants_no_more_than_was_asked_for_and_no_less_than_may_be(
    asked: int | None, least: int | None, speaks: bool, refresher: str, ours: int
) -> None:
    policy = SessionPolicy(expires_s=ours)
    headers: dict[str, Any] = {"Supported": "timer"} if speaks else {}
    if asked is not None:
        headers["Session_Expires"] = f"{asked}{refresher}"
    if least is not None:
        headers["Min_SE"] = str(least)
    if policy.refuses(request(**headers)):
        return
    timer = SessionTimer(policy)
    said = answer(timer, **headers)
    granted = said.get("Session-Expires")
    assert (granted is not None) == timer.is_running
    if granted is None:
        assert not speaks
        return
    value = SessionExpires.parse(granted)
    assert value.interval_s >= 90
    if asked is not None:
        assert value.interval_s <= asked
        assert value.interval_s >= min(asked, least or 90)
    else:
        assert value.interval_s >= (least or 90)
    assert value.refresher == ("uas" if timer.state is TimerState.KEEPING else "uac")
    assert speaks or value.refresher == "uas"


# --- As the one who asks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "state", "interval_s"),
    [
        ({}, "Off", 1800),
        ({"Session_Expires": "600;refresher=uas"}, "Waiting", 600),
        ({"Session_Expires": "600;refresher=uac"}, "Keeping", 600),
        ({"Session_Expires": "600"}, "Keeping", 600),
        ({"Session_Expires": "1;refresher=uac"}, "Keeping", 90),
        ({"Session_Expires": "nonsense"}, "Off", 1800),
    ],
)
def test_it_takes_what_the_answer_says(headers: dict[str, Any], state: str, interval_s: int) -> None:
    timer = running(**headers)
    assert (timer.state, timer.interval_s) == (state, interval_s)


def test_a_refresh_names_who_refreshes_now() -> None:
    ours = running(Session_Expires="600;refresher=uac")
    theirs = running(Session_Expires="600;refresher=uas")
    assert dict(ours.ask())["Session-Expires"] == "600;refresher=uac"
    assert dict(theirs.ask())["Session-Expires"] == "600;refresher=uas"


def test_a_422_is_worth_another_attempt_once_it_says_more_than_was_asked_for() -> None:
    timer = SessionTimer(SessionPolicy(expires_s=100))
    assert timer.is_raised(response(422, Min_SE="300"))
    assert dict(timer.ask()) == {"Supported": "timer", "Session-Expires": "300", "Min-SE": "300"}
    assert not timer.is_raised(response(422, Min_SE="300"))
    assert not timer.is_raised(response(422))
    assert not timer.is_raised(response(422, Min_SE="much"))


# --- Time ---------------------------------------------------------------------------------------------------------------


def test_who_refreshes_does_so_at_half_time_and_gives_up_a_third_before_the_end() -> None:
    timer = running(100.0, Session_Expires="90;refresher=uac")
    assert timer.deadline == 145
    assert timer.handle(144.9) is None
    assert timer.handle(145.0) is TimerAction.REFRESH
    assert timer.deadline == 160
    assert timer.handle(160.0) is TimerAction.END
    assert timer.deadline is None
    assert timer.handle(1e9) is None


def test_who_waits_gives_up_32_seconds_before_the_end_of_a_long_session() -> None:
    timer = running(Session_Expires="1800;refresher=uas")
    assert timer.deadline == 1768
    assert timer.handle(1768.0) is TimerAction.END


def test_a_refresh_that_was_refused_is_tried_again_until_it_is_too_late() -> None:
    timer = running(Session_Expires="90;refresher=uac")
    assert timer.handle(45.0) is TimerAction.REFRESH
    timer.refused(46.0, 10.0)
    assert timer.deadline == 56
    assert timer.handle(56.0) is TimerAction.REFRESH
    timer.refused(57.0, 10.0)
    assert timer.handle(60.0) is TimerAction.END


def test_an_answer_that_comes_after_the_end_revives_nothing() -> None:
    timer = running(Session_Expires="90;refresher=uac")
    timer.handle(60.0)
    timer.answered(response(Session_Expires="90;refresher=uac"), 61.0)
    timer.refused(61.0, 1.0)
    assert timer.deadline is None


def test_a_phone_that_knows_no_timers_is_asked_but_never_given_up_by_the_clock() -> None:
    timer = running(policy=KEEPER)
    assert timer.handle(900.0) is TimerAction.REFRESH
    assert timer.deadline is None
    timer.refused(901.0, 10.0)
    assert timer.deadline == 1801
    timer.handle(1801.0)
    timer.answered(response(), 1802.0)
    assert timer.deadline == 2702


def test_a_2xx_without_an_interval_ends_the_timer() -> None:
    timer = running(Session_Expires="90;refresher=uac")
    timer.answered(response(), 45.0)
    assert timer.deadline is None


# --- From one process to the next ---------------------------------------------------------------------------------------


def test_it_goes_on_where_it_was() -> None:
    former = running(100.0, Session_Expires="600;refresher=uas")
    timer = SessionTimer(POLICY)
    timer.restore(former.facts(), 200.0, 1.0)
    assert (timer.state, timer.deadline) == (TimerState.WAITING, former.deadline)
    assert timer.facts() == former.facts()


@given(st.integers(90, 3600), st.booleans(), st.floats(0, 10_000), st.floats(0, 5))
def test_what_was_missed_while_nobody_was_there_ends_no_session(
    interval_s: int, is_ours: bool, away_s: float, wait_s: float
) -> None:
    timer = SessionTimer(POLICY)
    timer.restore(SessionFacts(interval_s, is_ours, True, 90, 0.0), away_s, wait_s)
    assert timer.handle(away_s) in (None, TimerAction.REFRESH)
    deadline = timer.late_at
    assert deadline is not None
    assert deadline >= away_s + 5


# --- Both ends ----------------------------------------------------------------------------------------------------------


@given(
    expires=st.tuples(st.integers(90, 4000), st.integers(90, 4000)),
    least=st.tuples(st.integers(90, 200), st.integers(90, 200)),
    wish=st.sampled_from([None, "uac", "uas"]),
    silent_from=st.integers(0, 4),
)
def test_two_ends_agree_refresh_in_time_and_notice_silence_before_the_end(
    expires: tuple[int, int], least: tuple[int, int], wish: str | None, silent_from: int
) -> None:
    ends = [
        SessionTimer(SessionPolicy(expires_s=max(own, floor), min_se_s=floor))
        for own, floor in zip(expires, least, strict=True)
    ]

    def exchange(caller: SessionTimer, called: SessionTimer, now: float) -> None:
        for _ in range(2):
            asked = Headers(caller.ask())
            if wish is not None and not caller.is_running:
                asked.set("Session-Expires", f"{session_expires(asked)[0]};refresher={wish}")  # type: ignore[index]
            invite = SipRequest("INVITE", SipUri(host="a.test"), asked)
            too_small = called._policy.refuses(invite)
            if not too_small:
                break
            assert caller.is_raised(response(422, Min_SE=str(too_small)))
        caller.answered(SipResponse(200, None, Headers(called.answer(invite, now))), now)

    exchange(ends[0], ends[1], 0.0)
    now = 0.0
    for refreshed in range(20):
        assert ends[0].interval_s == ends[1].interval_s
        assert sorted(end.state for end in ends) == [TimerState.KEEPING, TimerState.WAITING]
        due = [end.deadline for end in ends if end.deadline is not None]
        began, now = now, min(due)
        action = {end: end.handle(now) for end in ends}
        (keeper,) = [end for end, what in action.items() if what is TimerAction.REFRESH]
        assert now < began + keeper.interval_s / 2 + 1
        if refreshed == silent_from:
            break
        exchange(keeper, ends[1 - ends.index(keeper)], now)
    for end in ends:
        late_at = end.late_at
        assert late_at is not None
        assert now < late_at < began + end.interval_s
        assert end.handle(late_at) is TimerAction.END
