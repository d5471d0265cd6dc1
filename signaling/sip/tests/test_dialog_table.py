# SPDX-License-Identifier: Apache-2.0
"""Every pair of state and input of the dialog table, and the printed diagrams."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from signaling.sip import diagrams
from signaling.sip.dialog import Dialog, DialogId
from signaling.sip.dialog_tables import DIALOG, DialogInput, DialogState
from signaling.sip.errors import RemoteProtocolError
from signaling.sip.tests.builders import UDP
from signaling.sip.uri import SipUri
from signaling.sip.values import NameAddr

EXPECTED = {
    DialogState.EARLY: ("Early", "Confirmed", "Terminated", "Terminated", "Terminated"),
    DialogState.CONFIRMED: ("Confirmed", "Confirmed", None, "Terminated", "Terminated"),
    DialogState.TERMINATED: ("Terminated", "Terminated", "Terminated", "Terminated", "Terminated"),
}
"""Next state for PROVISIONAL, ACCEPTED, REJECTED, BYE, GONE; None for an error."""


def bare_dialog(state: DialogState) -> Dialog:
    uri = SipUri.parse("sip:bob@example.com")
    dialog = Dialog(
        DialogId("c", "l", "r"),
        local=NameAddr(uri=uri),
        remote=NameAddr(uri=uri),
        local_contact=None,
        remote_target=uri,
        route_set=(),
        flow=UDP,
    )
    dialog.state = state
    return dialog


@pytest.mark.parametrize(("state", "given"), list(product(DialogState, DialogInput)))
def test_it_moves_as_rfc_3261_12_says(state: DialogState, given: DialogInput) -> None:
    dialog = bare_dialog(state)
    after = EXPECTED[state][list(DialogInput).index(given)]
    if after is None:
        assert (state, given) not in DIALOG
        with pytest.raises(RemoteProtocolError):
            dialog.step(given)
        assert dialog.state is state
    else:
        dialog.step(given)
        assert dialog.state == after


def test_the_printed_diagrams_are_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "states.md"
    assert page.read_text(encoding="utf-8") == diagrams.page()


@pytest.mark.parametrize("machine", diagrams.MACHINES, ids=lambda machine: machine.title)
def test_each_entry_of_a_table_is_on_the_page_once(machine: diagrams.Machine) -> None:
    section = diagrams.page().partition(f"## {machine.title}\n")[2].partition("\n## ")[0]
    arrows = section.count(" --> ") - section.count("[*]")
    absorbed = sum(line.count(",") + 1 for line in section.splitlines() if line.startswith("- "))
    assert arrows + absorbed == len(machine.table)
