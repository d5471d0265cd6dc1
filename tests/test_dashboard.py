# SPDX-License-Identifier: Apache-2.0
"""The dashboard in a real browser: a call comes, counts, and is hung up by its button."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from switchboard.dashboard.tests.fake_node import FakeNode, call, fake_node, rtp_manager
from tests.stack import Stack
from tests.webui import chromium, create_admin, log_in

pytestmark = pytest.mark.e2e
AWAY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def node() -> Iterator[FakeNode]:
    with fake_node() as served:
        yield served


@pytest.fixture(scope="module")
def ui(node: FakeNode, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("ui")
    stack = Stack(directory, template, env={"UI_BACKENDS": f"east={node.url},west={AWAY}"})
    try:
        create_admin(stack)
        stack.run("runui")
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def page(ui: Stack, node: FakeNode) -> Iterator[Page]:
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        said: list[str] = []
        opened.on("pageerror", lambda error: said.append(str(error)))
        log_in(opened, ui)
        yield opened
        node.tables["calls"] = []
        node.tables["rtpmanagers"] = []
        assert said == []


def test_a_call_appears_counts_and_is_hung_up_by_its_button(page, node):
    expect(page.locator(".board-state")).to_have_text("Live")
    node.tables["calls"] = [call("any", "4711", call_uuid="uuid-live")]
    began = time.monotonic()
    row = page.locator("[data-call='uuid-live']")
    expect(row).to_contain_text("4711")
    assert time.monotonic() - began < 2.0
    expect(page.locator("[data-card=calls]")).to_have_text("1")
    duration = row.locator("[data-since]")
    expect(duration).to_have_text(re.compile(r"^0:0[1-9]$"))
    first = duration.inner_text()
    expect(duration).not_to_have_text(first)
    row.get_by_role("button", name="Hang up").click()
    expect(row).to_have_count(0)
    expect(page.locator(".board-said")).to_have_text("The call was hung up.")
    expect(page.locator("[data-card=calls]")).to_have_text("0")
    assert node.hung_up[-1] == "uuid-live"


def test_a_call_is_recorded_and_not_any_more_by_its_button_which_keeps_the_focus(page, node):
    node.tables["calls"] = [call("any", "4712"), call("any", "4713", codec="opus")]
    row = page.locator("[data-call='uuid-4712']")
    expect(page.locator("[data-call='uuid-4713']").get_by_role("button", name="Record")).to_have_count(0)
    row.get_by_role("button", name="Record the call").click()
    expect(row.locator("[data-recorded]")).to_have_text("recorded")
    expect(page.locator(".board-said")).to_have_text("The call is being recorded.")
    stop = row.get_by_role("button", name="Stop recording")
    expect(stop).to_be_focused()
    stop.click()
    expect(row.locator("[data-recorded]")).to_have_count(0)
    expect(row.get_by_role("button", name="Record the call")).to_be_focused()
    assert node.recorded[-2:] == [("uuid-4712", True), ("uuid-4712", False)]


def test_without_scripts_a_call_is_recorded_by_its_button(ui, node):
    node.tables["calls"] = [call("any", "2424")]
    with chromium() as browser:
        plain = browser.new_page(java_script_enabled=False)
        log_in(plain, ui)
        with plain.expect_navigation():
            plain.locator("[data-call]").get_by_role("button", name="Record the call").click()
        expect(plain.locator("body")).to_contain_text("The call is being recorded.")
        expect(plain.locator("[data-call] [data-recorded]")).to_have_count(1)


def test_a_node_that_is_away_is_named_and_the_page_is_there_at_once(page):
    began = time.monotonic()
    page.reload()
    expect(page.locator(".board-node", has_text="west")).to_contain_text("cannot be reached")
    assert time.monotonic() - began < 4.0


def test_the_connection_comes_back_by_itself_with_a_right_picture(page, ui, node):
    expect(page.locator(".board-state")).to_have_text("Live")
    ui.kill("runui")
    expect(page.locator(".board-state")).to_contain_text("Connection lost")
    node.tables["calls"] = [call("any", "0815")]
    ui.run("runui")
    expect(page.locator(".board-state")).to_have_text("Live", timeout=20_000)
    expect(page.locator("[data-call]")).to_contain_text("0815")


def test_without_scripts_a_reload_shows_the_calls_and_the_button_works(ui, node):
    node.tables["calls"] = [call("any", "2323")]
    with chromium() as browser:
        plain = browser.new_page(java_script_enabled=False)
        log_in(plain, ui)
        expect(plain.locator("[data-call] [data-since]")).to_have_text(re.compile(r"^\d+:\d\d$"))
        with plain.expect_navigation():
            plain.locator("[data-call]").get_by_role("button", name="Hang up").click()
        expect(plain.locator("body")).to_contain_text("The call was hung up.")
        expect(plain.locator("[data-call]")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_window(page, node, width):
    node.tables["calls"] = [call("any", "12345678901234567890", caller_name="N" * 60, recording="on")]
    page.set_viewport_size({"width": width, "height": 800})
    expect(page.locator("[data-call]")).to_have_count(1)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_an_rtp_manager_is_disabled_and_enabled_from_a_dialog(page, node):
    node.tables["rtpmanagers"] = [rtp_manager("rtp-1"), rtp_manager("rtp-2")]
    row = page.locator("[data-rtp-manager='rtp-1']")
    row.get_by_role("button", name="Disable").click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Disable rtp-1?")
    dialog.get_by_role("button", name="Keep in use").click()
    expect(dialog).to_be_hidden()
    assert node.drains == {}
    row.get_by_role("button", name="Disable").click()
    dialog.get_by_text("is ended").click()
    dialog.get_by_role("button", name="Disable").click()
    expect(page.locator(".board-said")).to_contain_text("rtp-1 is being disabled")
    expect(row.locator("[data-state]")).to_have_text("draining")
    assert node.drains["rtp-1"]["mode"] == "aggressive"
    expect(page.locator(".board-drain")).to_contain_text("0 of 4 media sessions moved")
    node.drains["rtp-1"] |= {"state": "disabled", "migrated_count": 4, "remaining_sessions": 0}
    node.tables["rtpmanagers"] = [rtp_manager("rtp-1", drain_state="disabled"), rtp_manager("rtp-2")]
    expect(page.locator(".board-drain")).to_contain_text("4 of 4 media sessions moved")
    row.get_by_role("button", name="Enable").click()
    dialog.get_by_role("button", name="Enable").click()
    expect(row.locator("[data-state]")).to_have_text("active")
    expect(page.locator(".board-drain")).to_have_count(0)


def test_without_scripts_an_rtp_manager_is_disabled_on_its_page(ui, node):
    node.tables["rtpmanagers"] = [rtp_manager("rtp-1"), rtp_manager("rtp-2")]
    with chromium() as browser:
        plain = browser.new_page(java_script_enabled=False)
        log_in(plain, ui)
        with plain.expect_navigation():
            plain.locator("[data-rtp-manager='rtp-2']").get_by_role("button", name="Disable").click()
        with plain.expect_navigation():
            plain.get_by_role("button", name="Disable").click()
        expect(plain.locator("body")).to_contain_text(
            "rtp-2 is being disabled; calls that cannot be moved stay."
        )
        expect(plain.locator("[data-rtp-manager='rtp-2'] [data-state]")).to_have_text("draining")
