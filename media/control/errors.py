# SPDX-License-Identifier: Apache-2.0
"""The one error of the control protocol, as the RTP manager raises it and as its clients see it.

It must not import gRPC: the codes are gRPC's numbers, so that both sides can map them without a table.
"""

import enum


class ErrorCode(enum.IntEnum):
    """The gRPC status codes that the control protocol uses."""

    OK = 0
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13
    UNAVAILABLE = 14


class Reason(enum.StrEnum):
    """Machine-readable reasons; signalling chooses its SIP status by them, never by the detail text."""

    NONE = ""
    MALFORMED_SDP = "malformed_sdp"
    NO_COMMON_CODEC = "no_common_codec"
    UNSUPPORTED_TRANSPORT = "unsupported_transport"
    ENCRYPTION_REQUIRED = "encryption_required"
    NO_AUDIO = "no_audio"
    REFUSED_ADDRESS = "refused_address"
    WRONG_STATE = "wrong_state"
    BAD_REQUEST = "bad_request"
    NO_SUCH_SESSION = "no_such_session"
    NO_SUCH_FILE = "no_such_file"
    BAD_AUDIO = "bad_audio"
    NO_PLAYABLE_CODEC = "no_playable_codec"
    NO_RECORDABLE_CODEC = "no_recordable_codec"
    NO_SUCH_RECORDING = "no_such_recording"
    NO_PORT = "no_port"
    DRAINING = "draining"
    LOST = "lost"
    TIMEOUT = "timeout"


class MediaError(Exception):
    """A request was refused or failed; nothing changed by it.

    Attributes:
        code: gRPC status code.
        detail: one line for people.
        reason: the word for programs.
    """

    def __init__(self, code: ErrorCode, detail: str, reason: Reason = Reason.NONE) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.reason = reason

    def __repr__(self) -> str:
        return f"MediaError({self.code.name}, {self.detail!r}, {self.reason.value!r})"


def invalid(reason: Reason, detail: str) -> MediaError:
    """Return an INVALID_ARGUMENT error."""
    return MediaError(ErrorCode.INVALID_ARGUMENT, detail, reason)


def no_such_session(session_id: str) -> MediaError:
    """Return the NOT_FOUND error for a session."""
    return MediaError(ErrorCode.NOT_FOUND, f"no session {session_id!r}", Reason.NO_SUCH_SESSION)
