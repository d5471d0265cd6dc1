# SPDX-License-Identifier: Apache-2.0
"""The dialplan engine: a document and the facts of a call → the verbs to run, and why.

Pure: no Django, asyncio, sockets, clock or randomness. Everything is checked when a document is read; after that,
matching a number cannot fail and filling in the variables of a call fails only with `ActionError`.
"""

from dialplan.engine.document import (
    DialplanDocument,
    HangupReason,
    RouteDocument,
    json_schema,
)
from dialplan.engine.errors import ActionError, DialplanError, DialplanProblem
from dialplan.engine.plan import Dialplan, Route, Verdict, compile_route, compile_routes
from dialplan.engine.reading import parse_document, parse_document_json, parse_route
from dialplan.engine.targets import SipTarget, Target, UserTarget
from dialplan.engine.variables import VARIABLES, CallFacts, substitute
from dialplan.engine.verbs import Dial, Echo, Hangup, PlayAudio, Record, Verb

__all__ = [
    "VARIABLES",
    "ActionError",
    "CallFacts",
    "Dial",
    "Dialplan",
    "DialplanDocument",
    "DialplanError",
    "DialplanProblem",
    "Echo",
    "Hangup",
    "HangupReason",
    "PlayAudio",
    "Record",
    "Route",
    "RouteDocument",
    "SipTarget",
    "Target",
    "UserTarget",
    "Verb",
    "Verdict",
    "compile_route",
    "compile_routes",
    "json_schema",
    "parse_document",
    "parse_document_json",
    "parse_route",
    "substitute",
]
