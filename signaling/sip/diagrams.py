# SPDX-License-Identifier: Apache-2.0
"""State diagrams of the tables, as Mermaid text: `python -m signaling.sip.diagrams` prints docs/states.md.

It knows the tables and nothing that runs them, so that the diagrams show what is decided and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from signaling.sip import dialog_tables, session_timer_tables
from signaling.sip import transaction_tables as tables

AnyTable = Mapping[Any, tuple[StrEnum | None, StrEnum]]
"""A table of any machine; its keys are pairs of that machine's own enumerations."""

HEADER = """\
# States

Printed from the tables in `signaling/sip` by `python -m signaling.sip.diagrams`; not to be edited by hand.
An arrow reads "input / action". Inputs that a state absorbs are listed below its diagram. A pair of state and input
that is in neither is a protocol error.
"""


class Machine(NamedTuple):
    """One state machine of the page."""

    title: str
    source: str
    table: AnyTable
    initial: StrEnum
    final: str = "Terminated"


MACHINES = (
    Machine(
        "INVITE client transaction",
        "RFC 3261 17.1.1, 9.1 and RFC 6026",
        tables.INVITE_CLIENT,
        tables.State.CALLING,
    ),
    Machine(
        "Non-INVITE client transaction", "RFC 3261 17.1.2", tables.NON_INVITE_CLIENT, tables.State.TRYING
    ),
    Machine(
        "INVITE server transaction",
        "RFC 3261 17.2.1, 13.3.1.4 and RFC 6026",
        tables.INVITE_SERVER,
        tables.State.FRESH,
    ),
    Machine(
        "Non-INVITE server transaction",
        "RFC 3261 17.2.2 and RFC 4320",
        tables.NON_INVITE_SERVER,
        tables.State.FRESH,
    ),
    Machine("Dialog", "RFC 3261 12", dialog_tables.DIALOG, dialog_tables.DialogState.EARLY),
    Machine(
        "Session timer",
        "RFC 4028; one for each end of each dialog",
        session_timer_tables.SESSION_TIMER,
        session_timer_tables.TimerState.OFF,
        final="Expired",
    ),
)


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEADER, *[_section(machine) for machine in MACHINES]])


def _section(machine: Machine) -> str:
    lines = [f"## {machine.title}", "", f"{machine.source}.", "", "```mermaid", "stateDiagram-v2"]
    lines.append(f"    [*] --> {machine.initial}")
    absorbed: dict[StrEnum, list[str]] = {}
    for (state, given), (action, after) in machine.table.items():
        if action == "ignore" and state is after:
            absorbed.setdefault(state, []).append(given)
            continue
        label = given if action is None else f"{given} / {action}"
        lines.append(f"    {state} --> {after}: {label}")
    lines += [f"    {machine.final} --> [*]", "```", ""]
    lines += [f"- {state} absorbs {', '.join(inputs)}." for state, inputs in absorbed.items()]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(page())
