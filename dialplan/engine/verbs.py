# SPDX-License-Identifier: Apache-2.0
"""Verbs: what the call engine is told to do, with all variables of the call filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from dialplan.engine.document import (
    ActionDocument,
    DialAction,
    EchoAction,
    HangupAction,
    HangupReason,
    PlayAudioAction,
    RecordAction,
)
from dialplan.engine.prompts import compile_file_name
from dialplan.engine.targets import Target, compile_target
from dialplan.engine.variables import CallFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayAudio:
    """Answer the call and play a prompt; then go on."""

    file: str
    """Name of an uploaded prompt, or a WAV file below the prompt directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Call a target and join it with the caller; go on when it did not answer."""

    target: Target
    timeout_s: int
    """How long to wait for an answer, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """End the call."""

    reason: HangupReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Answer the call and send the caller's audio back until the caller hangs up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Record the call from its answer on; go on at once."""


Verb = PlayAudio | Dial | Hangup | Echo | Record


class Step(NamedTuple):
    """One action of a route, ready to become a verb."""

    field: str
    """Path of the parameter that the facts of a call can make unusable."""
    build: Callable[[CallFacts], Verb]
    """Raises TargetError or FileNameError when they do."""


def compile_action(index: int, action: ActionDocument) -> Step:
    """Return the step for a valid action, the ``index``-th of its route."""
    prefix = f"actions[{index}].params"
    match action:
        case PlayAudioAction(params=play):
            file_name = compile_file_name(play.file)
            return Step(f"{prefix}.file", lambda facts: PlayAudio(file=file_name(facts)))
        case DialAction(params=dial):
            target, timeout_s = compile_target(dial.target), dial.timeout
            return Step(f"{prefix}.target", lambda facts: Dial(target=target(facts), timeout_s=timeout_s))
        case HangupAction(params=hangup):
            verb = Hangup(reason=hangup.reason)
            return Step(f"{prefix}.reason", lambda facts: verb)
        case EchoAction():
            echo = Echo()
            return Step(prefix, lambda facts: echo)
        case RecordAction():
            record = Record()
            return Step(prefix, lambda facts: record)
        case _:
            assert_never(action)
