# SPDX-License-Identifier: Apache-2.0
"""What would happen if this user of this account dialled this number: every route considered, and what would be done.

Reads the database as the signaling nodes do and decides with the same engine; it calls nobody. One definition for
REST, the admin's simulator and the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from accounts.lookup import find_user
from accounts.models import Account, User
from dialplan import prompts
from dialplan.engine import (
    ActionError,
    CallFacts,
    Dial,
    Dialplan,
    DialplanError,
    Echo,
    Hangup,
    PlayAudio,
    Record,
    SipTarget,
    UserTarget,
    Verb,
    Verdict,
    compile_route,
)
from dialplan.models import Route

EXAMPLE_CALL_ID = "simulation"
"""What ``${call_id}`` stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A route and why it was chosen or not."""

    id: str
    uid: str
    """What the admin calls the row."""
    name: str
    pattern: str
    priority: int
    enabled: bool
    shared: bool
    chosen: bool
    matched: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action with its variables filled in."""

    type: str
    params: dict[str, Any]
    words: str
    """What it does, for people."""
    problem: str
    """Why it would not succeed, as far as the configuration tells; empty when nothing is known against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """The outcome."""

    account: Account
    number: str
    caller: User | None
    variables: dict[str, str]
    considered: list[Considered]
    route: str | None
    """Id of the chosen route; None: the caller is answered 404."""
    steps: list[Step]
    problem: str
    """Why the call would fail as a whole; empty when it would not."""


def simulate(account: Account, number: str, caller: User | None = None) -> Simulation:
    """Return what would become of a call.

    Args:
        account: of the caller; its routes and those of every account are considered.
        number: what is dialled.
        caller: who dials; None leaves the caller's variables empty.
    """
    facts = CallFacts(
        destination=number,
        caller_id=caller.extension if caller else "",
        caller_name=caller.display_name if caller else "",
        call_id=EXAMPLE_CALL_ID,
    )
    plan, uids, broken = _load(account)
    considered = [*(_told(verdict, uids) for verdict in plan.explain(number)), *broken]
    chosen = plan.match(number)
    problem = _cannot_call(account, caller)
    steps: list[Step] = []
    if chosen is None:
        problem = problem or "no route matches: 404 Not Found"
    else:
        try:
            steps = [_step(verb, account) for verb in chosen.verbs(facts)]
        except ActionError as error:
            problem = problem or f"{error.field}: {error.message}"
    return Simulation(
        account=account,
        number=number,
        caller=caller,
        variables=facts._asdict(),
        considered=sorted(considered, key=lambda route: (route.priority, route.shared, route.id)),
        route=chosen.id if chosen else None,
        steps=steps,
        problem=problem,
    )


def _told(verdict: Verdict, uids: Mapping[tuple[str, bool], str]) -> Considered:
    route = verdict.route
    return Considered(
        id=route.id,
        uid=uids[route.id, route.shared],
        name=route.name,
        pattern=route.pattern,
        priority=route.priority,
        enabled=route.enabled,
        shared=route.shared,
        chosen=verdict.chosen,
        matched=verdict.matched,
        reason=verdict.reason,
    )


def _load(account: Account) -> tuple[Dialplan, dict[tuple[str, bool], str], list[Considered]]:
    """Return the account's dialplan, the rows' uids by id and whether they are shared, and the broken rows."""
    routes, uids, broken = [], {}, []
    for row in Route.objects.filter(Q(account=account) | Q(account=None)):
        uids[row.id, row.account_id is None] = row.uid
        try:
            routes.append(compile_route(row.document(), shared=row.account_id is None))
        except DialplanError as error:
            broken.append(_broken(row, error))
    return Dialplan(routes), uids, broken


def _broken(row: Route, error: DialplanError) -> Considered:
    return Considered(
        id=row.id,
        uid=row.uid,
        name=row.name,
        pattern=row.pattern,
        priority=row.priority,
        enabled=row.enabled,
        shared=row.account_id is None,
        chosen=False,
        matched=False,
        reason=f"the route is not valid: {error.errors[0]}",
    )


def _cannot_call(account: Account, caller: User | None) -> str:
    if not account.enabled:
        return "the account is disabled"
    if caller is not None and not caller.enabled:
        return "the caller is disabled"
    return ""


def _step(verb: Verb, account: Account) -> Step:
    match verb:
        case PlayAudio(file=file):
            return _play(file, account)
        case Dial(target=UserTarget(name=name), timeout_s=timeout_s):
            return _dial_user(name, timeout_s, account)
        case Dial(target=SipTarget() as target, timeout_s=timeout_s):
            address = _address(target)
            params = {"target": address, "timeout": timeout_s}
            return Step(type="dial", params=params, words=f"Call {address} for {timeout_s} s", problem="")
        case Hangup(reason=reason):
            params = {"reason": reason.value}
            return Step(type="hangup", params=params, words=f"Hang up: {reason.value}", problem="")
        case Echo():
            return Step(type="echo", params={}, words="Answer and send the caller's voice back", problem="")
        case Record():
            return Step(type="record", params={}, words="Record the call from its answer on", problem="")
        case _:
            return Step(type=type(verb).__name__.lower(), params={}, words=repr(verb), problem="")


def _play(file: str, account: Account) -> Step:
    known = prompts.source()
    found = known.find(account.pk, [file]).get(file) if known else prompts.Found(words=file)
    if found is None:
        found = prompts.Found(words=file, problem=f"there is no prompt {file}")
    return Step(
        type="play_audio",
        params={"file": file},
        words=f"Answer and play {found.words}",
        problem=found.problem,
    )


def _dial_user(name: str, timeout_s: int, account: Account) -> Step:
    user = find_user(account, name)
    if user is None:
        words, problem = f"Call user {name}", f"the account has no user {name}"
    else:
        words = f"Ring the phones of {user} for {timeout_s} s"
        problem = "" if user.enabled else f"{user} is disabled"
    params = {"target": f"user/{name}", "timeout": timeout_s}
    return Step(type="dial", params=params, words=words, problem=problem)


def _address(target: SipTarget) -> str:
    port = f":{target.port}" if target.port else ""
    transport = f";transport={target.transport}" if target.transport else ""
    return f"sip:{target.user}@{target.host}{port}{transport}"
