# SPDX-License-Identifier: Apache-2.0
"""The compiled dialplan of one account: which route a number takes, and why.

Order: the lower priority number first; at the same priority the account's own routes before those of every account;
then by id, compared as text. The first enabled route whose pattern matches the whole number wins.

A `Dialplan` never changes; a node replaces it as a whole when routes change, and a call keeps the one it began with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dialplan.engine.document import RouteDocument
from dialplan.engine.errors import ActionError, FileNameError, TargetError
from dialplan.engine.matcher import PatternSet
from dialplan.engine.patterns import Glob, parse_pattern
from dialplan.engine.variables import CallFacts
from dialplan.engine.verbs import Step, Verb, compile_action


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route that is ready to run."""

    id: str
    name: str
    pattern: str
    priority: int
    enabled: bool
    shared: bool
    """Whether it serves every account instead of one."""
    glob: Glob = field(repr=False)
    steps: tuple[Step, ...] = field(repr=False)

    @property
    def order(self) -> tuple[int, bool, str]:
        """Where the route stands among the others; the lowest is tried first."""
        return self.priority, self.shared, self.id

    def verbs(self, facts: CallFacts) -> tuple[Verb, ...]:
        """Return what to do in a call with these facts, in order.

        Raises:
            ActionError: a variable makes a dial target or file name unusable in this call.
        """
        verbs: list[Verb] = []
        for step in self.steps:
            try:
                verbs.append(step.build(facts))
            except (TargetError, FileNameError) as error:
                raise ActionError(self.id, step.field, str(error)) from error
        return tuple(verbs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one route when a number was looked up."""

    route: Route
    chosen: bool
    matched: bool
    """Whether the pattern matches the number, also when the route is disabled or another came first."""
    reason: str
    """Why it was or was not chosen, in words."""


class Dialplan:
    """The routes of one account and of every account, in their order.

    Args:
        routes: from `compile_route`, in any order; disabled ones are kept for `explain`.
    """

    __slots__ = ("_active", "_patterns", "routes")

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self.routes = tuple(sorted(routes, key=lambda route: route.order))
        self._active = tuple(route for route in self.routes if route.enabled)
        self._patterns = PatternSet([route.glob for route in self._active])

    def match(self, number: str) -> Route | None:
        """Return the route that a dialled number takes, or None when no route matches."""
        rank = self._patterns.first(number)
        return None if rank is None else self._active[rank]

    def explain(self, number: str) -> list[Verdict]:
        """Return what became of every route for a dialled number, in the order in which they are tried."""
        chosen = self.match(number)
        return [self._verdict(route, number, chosen) for route in self.routes]

    def _verdict(self, route: Route, number: str, chosen: Route | None) -> Verdict:
        why_not = route.glob.why_not(number)
        if not route.enabled:
            reason = "the route is disabled"
        elif why_not is not None:
            reason = why_not
        elif chosen is not None and route is not chosen:
            reason = f"the pattern matches, but route {chosen.id} comes first"
        else:
            reason = f"{route.pattern} is the first pattern that matches"
        return Verdict(route=route, chosen=route is chosen, matched=why_not is None, reason=reason)


def compile_route(document: RouteDocument, *, shared: bool = False) -> Route:
    """Return the route that a valid document describes; it can be used in the dialplans of many accounts."""
    return Route(
        id=document.id,
        name=document.name,
        pattern=document.pattern,
        priority=document.priority,
        enabled=document.enabled,
        shared=shared,
        glob=parse_pattern(document.pattern),
        steps=tuple(compile_action(index, action) for index, action in enumerate(document.actions)),
    )


def compile_routes(own: Iterable[RouteDocument], shared: Iterable[RouteDocument] = ()) -> Dialplan:
    """Return the dialplan of an account.

    Args:
        own: routes of the account itself.
        shared: routes that serve every account.
    """
    return Dialplan(
        [*(compile_route(route) for route in own), *(compile_route(route, shared=True) for route in shared)]
    )
