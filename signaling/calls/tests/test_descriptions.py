# SPDX-License-Identifier: Apache-2.0
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.descriptions import Descriptions
from signaling.mediapool import ErrorCode, MediaError


def update(sdp, kind):
    return pb.UpdateSessionRemoteRequest(session_id="a", remote_sdp=sdp, kind=kind)


def told(*pairs):
    descriptions = Descriptions()
    for request, reply in pairs:
        descriptions.took([request], [reply])
    return descriptions


OFFERED_BY_THEM = (
    pb.CreateSessionRequest(session_id="a", remote_sdp="their offer"),
    pb.CreateSessionReply(session_id="a"),
)
ANSWERED_BY_US = (pb.CreateAnswerRequest(session_id="a"), pb.CreateAnswerReply(local_sdp="our answer"))
OFFERED_BY_US = (
    pb.CreateSessionRequest(session_id="a"),
    pb.CreateSessionReply(session_id="a", local_sdp="our offer"),
)
ANSWERED_BY_THEM = (update("their answer", pb.SDP_KIND_ANSWER), pb.UpdateSessionRemoteReply())


def test_an_offer_alone_is_no_agreement():
    assert told(OFFERED_BY_THEM).agreed("a") is None
    assert told(OFFERED_BY_US).agreed("a") is None
    assert Descriptions().agreed("a") is None


def test_their_offer_and_our_answer():
    assert told(OFFERED_BY_THEM, ANSWERED_BY_US).agreed("a") == ("our answer", "their offer")


def test_our_offer_and_their_answer():
    assert told(OFFERED_BY_US, ANSWERED_BY_THEM).agreed("a") == ("our offer", "their answer")


def test_a_new_offer_changes_nothing_before_its_answer():
    new_offer = (update("new offer", pb.SDP_KIND_OFFER), pb.UpdateSessionRemoteReply())
    descriptions = told(OFFERED_BY_US, ANSWERED_BY_THEM, new_offer)
    assert descriptions.agreed("a") == ("our offer", "their answer")
    descriptions.took(*[[entry] for entry in ANSWERED_BY_US])
    assert descriptions.agreed("a") == ("our answer", "new offer")


def test_a_refresh_leaves_our_side_as_the_remote_was_told():
    refresh = update("their refresh", pb.SDP_KIND_OFFER)
    refresh.refreshes = True
    unsaid = (pb.CreateAnswerRequest(session_id="a"), pb.CreateAnswerReply(local_sdp="never sent"))
    descriptions = told(OFFERED_BY_US, ANSWERED_BY_THEM, (refresh, pb.UpdateSessionRemoteReply()), unsaid)
    assert descriptions.agreed("a") == ("our offer", "their refresh")
    new_offer = (update("new offer", pb.SDP_KIND_OFFER), pb.UpdateSessionRemoteReply())
    descriptions.took([new_offer[0], ANSWERED_BY_US[0]], [new_offer[1], ANSWERED_BY_US[1]])
    assert descriptions.agreed("a") == ("our answer", "new offer")


def test_what_was_refused_is_not_learned():
    refused = (ANSWERED_BY_THEM[0], MediaError(ErrorCode.INVALID_ARGUMENT, "bad"))
    assert told(OFFERED_BY_US, refused).agreed("a") is None


def test_a_session_that_goes_on_has_agreed_already():
    past = pb.Continuation(local_sdp="before", remote_sdp="their answer")
    request = pb.CreateSessionRequest(session_id="a", continues=past)
    reply = pb.CreateSessionReply(session_id="a", local_sdp="moved")
    descriptions = told((request, reply))
    assert descriptions.agreed("a") == ("moved", "their answer")
    descriptions.forget("a")
    assert descriptions.agreed("a") is None
