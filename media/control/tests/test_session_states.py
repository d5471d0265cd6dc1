# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest

from media.control.errors import MediaError, Reason
from media.control.local_description import LocalDescription
from media.control.session import MediaSession
from media.control.session_states import SessionInput, SessionState

ENDINGS = {SessionInput.DESTROYED: SessionState.TERMINATED, SessionInput.FAILED: SessionState.ERROR}
CHANGES = {
    (SessionState.CREATED, SessionInput.OFFERED): SessionState.PENDING_REMOTE,
    (SessionState.CREATED, SessionInput.NEGOTIATED): SessionState.ACTIVE,
    (SessionState.PENDING_REMOTE, SessionInput.NEGOTIATED): SessionState.ACTIVE,
    (SessionState.ACTIVE, SessionInput.BRIDGED): SessionState.BRIDGED,
    (SessionState.BRIDGED, SessionInput.UNBRIDGED): SessionState.ACTIVE,
}
"""What changes the state, apart from the endings; every other pair leaves it or is refused."""
REFUSED = {
    (SessionState.CREATED, SessionInput.BRIDGED),
    (SessionState.CREATED, SessionInput.PLAYED),
    (SessionState.PENDING_REMOTE, SessionInput.BRIDGED),
    (SessionState.PENDING_REMOTE, SessionInput.PLAYED),
    *((SessionState.TERMINATED, happened) for happened in SessionInput),
    *((SessionState.ERROR, happened) for happened in SessionInput if happened not in ENDINGS),
}


def session_in(state):
    session = MediaSession("s1", LocalDescription(address="192.0.2.1", port=10000, origin_id=1))
    session.state = state
    return session


@pytest.mark.parametrize(("state", "happened"), list(itertools.product(SessionState, SessionInput)))
def test_every_pair_has_an_outcome(state, happened):
    session = session_in(state)
    if (state, happened) in REFUSED:
        with pytest.raises(MediaError) as caught:
            session.advance(happened)
        assert caught.value.reason is Reason.WRONG_STATE
        assert session.state is state
    else:
        session.advance(happened)
        assert session.state is CHANGES.get((state, happened), ENDINGS.get(happened, state))


def test_the_numbers_are_those_of_the_protocol():
    from media.control.gen import rtpmanager_pb2 as pb

    for state in SessionState:
        assert pb.SessionState.Value(f"SESSION_STATE_{state.name}") == state
