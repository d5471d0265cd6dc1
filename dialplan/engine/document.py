# SPDX-License-Identifier: Apache-2.0
"""The dialplan document: the one definition of routes and actions, from which everything else is derived.

Files, the column `Route.actions`, the REST API, the admin form and the JSON schema all follow these models. They are
strict: no type is converted and no unknown field accepted, so that a mistake is found when a route is saved and not
in the middle of a call. A model that exists is valid, hence compiling it cannot fail.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dialplan.engine.patterns import MAX_PATTERN_LENGTH, parse_pattern
from dialplan.engine.prompts import compile_file_name
from dialplan.engine.targets import compile_target

VERSION = "1.0"
MAX_ROUTES = 20_000
MAX_ACTIONS = 50
MAX_TEXT_LENGTH = 255
PRIORITY_LIMIT = 1_000_000
MAX_DIAL_TIMEOUT_S = 600
DEFAULT_DIAL_TIMEOUT_S = 30


class HangupReason(StrEnum):
    """Why a route ends a call; each becomes a SIP status."""

    NORMAL = "normal"
    BUSY = "busy"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"


def _pattern(text: str) -> str:
    parse_pattern(text)
    return text


def _target(text: str) -> str:
    compile_target(text)
    return text


def _file_name(text: str) -> str:
    compile_file_name(text)
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have no control characters")
    return text


class Strict(BaseModel):
    """Base of the document's models: frozen, strict, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlayAudioParams(Strict):
    """Parameters of ``play_audio``."""

    file: Annotated[str, AfterValidator(_file_name)] = Field(
        max_length=MAX_TEXT_LENGTH,
        description="Name of an uploaded prompt, or a WAV file below the prompt directory. Variables are allowed.",
        examples=["welcome.wav", "Opening hours"],
    )


class PlayAudioAction(Strict):
    """Answer the call and play a prompt to the caller; the next action runs when it has ended."""

    type: Literal["play_audio"]
    params: PlayAudioParams


class DialParams(Strict):
    """Parameters of ``dial``."""

    target: Annotated[str, AfterValidator(_target)] = Field(
        max_length=MAX_TEXT_LENGTH,
        description="user/NAME or sip:USER@HOST[:PORT][;transport=udp|tcp|tls]. Variables are allowed in the name.",
        examples=["user/${destination}", "sip:100@192.0.2.10:5060"],
    )
    timeout: int = Field(
        default=DEFAULT_DIAL_TIMEOUT_S,
        ge=1,
        le=MAX_DIAL_TIMEOUT_S,
        description="How long to wait for an answer, in seconds.",
    )


class DialAction(Strict):
    """Call a target and join it with the caller; the next action runs when it did not answer."""

    type: Literal["dial"]
    params: DialParams


class HangupParams(Strict):
    """Parameters of ``hangup``."""

    reason: HangupReason = Field(
        default=HangupReason.NORMAL,
        strict=False,
        description="What the caller is told when the call was not answered yet.",
    )


class HangupAction(Strict):
    """End the call."""

    type: Literal["hangup"]
    params: HangupParams = HangupParams()


class EchoParams(Strict):
    """Parameters of ``echo``: none."""


class EchoAction(Strict):
    """Answer the call and send the caller's audio back until the caller hangs up."""

    type: Literal["echo"]
    params: EchoParams = EchoParams()


class RecordParams(Strict):
    """Parameters of ``record``: none."""


class RecordAction(Strict):
    """Record the call from its answer on; the next action runs at once."""

    type: Literal["record"]
    params: RecordParams = RecordParams()


ActionDocument = Annotated[
    PlayAudioAction | DialAction | HangupAction | EchoAction | RecordAction, Field(discriminator="type")
]
ACTION_TYPES: tuple[str, ...] = ("play_audio", "dial", "hangup", "echo", "record")


class RouteDocument(Strict):
    """One rule: numbers that match the pattern run the actions, in order."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", description="Unique name of the route, without spaces."
    )
    name: Annotated[str, AfterValidator(_printable)] = Field(
        min_length=1, max_length=200, description="What people call the route."
    )
    pattern: Annotated[str, AfterValidator(_pattern)] = Field(
        max_length=MAX_PATTERN_LENGTH,
        description="Glob on the dialled number: * any run, ? any one, [2-4] one of, [!0] none of.",
        examples=["500", "1???", "00*", "[*]97"],
    )
    priority: int = Field(
        default=100, ge=-PRIORITY_LIMIT, le=PRIORITY_LIMIT, description="Lower numbers are tried first."
    )
    enabled: bool = Field(default=True, description="A disabled route matches nothing.")
    actions: list[ActionDocument] = Field(min_length=1, max_length=MAX_ACTIONS)


class DialplanDocument(Strict):
    """A set of routes, as files hold it."""

    version: Literal["1.0"] = "1.0"
    routes: list[RouteDocument] = Field(default_factory=list, max_length=MAX_ROUTES)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a dialplan document."""
    return DialplanDocument.model_json_schema()
