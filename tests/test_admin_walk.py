# SPDX-License-Identifier: Apache-2.0
"""The first hour with the product, for real: log in, add a user, set up a phone, see a call live, hang it up, read it.

Signaling, media and the ui role run as they do in an installation; the phone is baresip, the browser Chromium.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.phones.process import PhoneProcess
from tests.stack import DOMAIN, Phone, Stack
from tests.webui import chromium, create_admin, log_in, url_of

pytestmark = pytest.mark.e2e

ECHO = "600"
TONE_HZ = 440.0
PATIENCE_MS = 20_000
APPEARS_S = 1.0
NOTE_THE_FIRST_CALL = """() => {
  const look = () => { if (!window.seenAt && document.querySelector("[data-call]")) window.seenAt = Date.now(); };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""
"""The page itself notes when the call is there: the test looks far less often."""


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole installation with a ui role."""
    stack = Stack(tmp_path_factory.mktemp("walk"), template)
    try:
        stack.start()
        create_admin(stack)
        stack.run("runui")
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def context(own_stack: Stack, browser: Browser) -> Iterator[BrowserContext]:
    """Somebody who is logged in; no script may fail."""
    opened = browser.new_context()
    failures: list[str] = []
    opened.on("weberror", lambda error: failures.append(str(error.error)))
    log_in(opened.new_page(), own_stack)
    yield opened
    opened.close()
    assert failures == []


def add_user(page: Page, stack: Stack, extension: str, name: str) -> str:
    """Fill in the one form; ends on the set-up page. Returns the password that it shows."""
    page.goto(f"{url_of(stack)}/admin/accounts/user/add/")
    choose_account(page)
    page.fill("#id_extension", extension)
    page.fill("#id_username", extension)
    page.fill("#id_display_name", name)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Note the password now")).to_be_visible(timeout=PATIENCE_MS)
    return page.locator("#password").inner_text()


def choose_account(page: Page) -> None:
    """Choose the account of the stack by its name, as a person does."""
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill(DOMAIN)
    page.locator(".select2-results__option", has_text=DOMAIN).first.click()


def phone_of(stack: Stack, extension: str, password: str) -> Phone:
    return Phone(username=extension, password=password, port=stack.ports.client())


def test_from_the_login_to_the_page_of_a_call(
    own_stack: Stack, context: BrowserContext, tmp_path: Path
) -> None:
    page = context.pages[0]
    password = add_user(page, own_stack, "2801", "Erin")
    light = page.locator(".phone-light")
    expect(light).to_contain_text("Waiting for registration")

    with PhoneProcess(own_stack, phone_of(own_stack, "2801", password), TONE_HZ, tmp_path) as phone:
        expect(light).to_contain_text("Registered", timeout=PATIENCE_MS)
        expect(light).to_contain_text("baresip")
        expect(light).to_contain_text("127.0.0.1")
        expect(light).to_contain_text("UDP")

        dashboard = context.new_page()
        dashboard.goto(f"{url_of(own_stack)}/admin/")
        expect(dashboard.locator(".board-state")).to_have_text("Live", timeout=PATIENCE_MS)
        dashboard.evaluate(NOTE_THE_FIRST_CALL)
        dialled = time.time()
        phone.order("call", number=ECHO)
        call_id = phone.wait_for("call_established")["call_id"]
        row = dashboard.locator("[data-call]")
        expect(row).to_contain_text("2801", timeout=PATIENCE_MS)
        assert dashboard.evaluate("window.seenAt") / 1000 - dialled < APPEARS_S
        expect(row).to_contain_text("Erin")
        duration = row.locator("[data-since]")
        expect(duration).to_have_text(re.compile(r"^0:0[1-9]$"))
        first = duration.inner_text()
        expect(duration).not_to_have_text(first)

        row.get_by_role("button", name="Record the call").click()
        expect(row.locator("[data-recorded]")).to_be_visible()
        time.sleep(1.5)
        row.get_by_role("button", name="Stop recording").click()
        expect(row.locator("[data-recorded]")).to_have_count(0)

        row.get_by_role("button", name="Hang up").click()
        phone.wait_for("call_closed")
        expect(row).to_have_count(0)

    own_stack.cdr(call_id)
    dashboard.goto(f"{url_of(own_stack)}/admin/cdrs/cdr/")
    call = dashboard.locator("table tbody tr", has_text="2801")
    expect(call).to_have_count(1)
    call.locator("a").first.click()
    sentence = dashboard.locator(".calls-sentence")
    expect(sentence).to_contain_text("Erin 2801 called 600")
    expect(sentence).to_contain_text("answered after")
    expect(sentence).to_contain_text("hung up by admin")
    [recording] = own_stack.rows("SELECT state, duration_ms FROM recordings")
    assert recording["state"] == "complete"
    assert 1000 < recording["duration_ms"] < 4000


def test_the_password_is_gone_after_a_reload_and_the_page_is_right(
    own_stack: Stack, context: BrowserContext, tmp_path: Path
) -> None:
    page = context.pages[0]
    password = add_user(page, own_stack, "2802", "Frank")
    with PhoneProcess(own_stack, phone_of(own_stack, "2802", password), TONE_HZ, tmp_path):
        page.reload()
        expect(page.locator(".phone-light")).to_contain_text("Registered")
        expect(page.locator("#password")).to_have_count(0)
        assert password not in page.content()
        page.go_back()
        page.go_forward()
        assert password not in page.content()


def test_without_scripts_the_light_turns_green_and_the_password_stays_on_the_page(
    own_stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, own_stack)
    user = own_stack.rows("SELECT id FROM users WHERE username = '2501'")[0]["id"]
    page.goto(f"{url_of(own_stack)}/admin/accounts/user/{uuid.UUID(user)}/setup/")
    page.locator("summary", has_text="Set a new password").click()
    page.get_by_role("button", name="Set a new password").click()
    password = page.locator("#password").inner_text()
    frame = page.frame_locator("iframe.phone-frame")
    expect(frame.locator("body")).to_contain_text("Waiting for registration")
    with PhoneProcess(own_stack, phone_of(own_stack, "2501", password), TONE_HZ, tmp_path):
        expect(frame.locator("body")).to_contain_text("Registered", timeout=PATIENCE_MS)
        expect(page.locator("#password")).to_have_text(password)
    context.close()


def test_a_route_is_filled_in_tried_ordered_switched_and_brought_back(
    own_stack: Stack, context: BrowserContext
) -> None:
    page = context.pages[0]
    routes = f"{url_of(own_stack)}/admin/dialplan/route/"
    page.goto(f"{routes}add/")
    page.fill("#id_name", "Night bell")
    page.fill("#id_pattern", "77")
    page.fill("#id_id", "night-bell")
    rows = page.locator(".actions-row")
    expect(rows).to_have_count(1)
    rows.nth(0).locator("input").first.fill("user/2502")
    page.get_by_role("button", name="Add an action").click()
    rows.nth(1).locator("select").select_option("hangup")
    rows.nth(1).locator("input").first.fill("engaged")
    save(page)
    expect(rows.nth(1)).to_contain_text("reason")
    rows.nth(1).locator("input").first.fill("busy")
    save(page)
    expect(page.locator("body")).to_contain_text("Night bell")

    page.locator("tr", has_text="Night bell").get_by_role("link", name="Try").click()
    expect(page.locator("#content-main h2").first).to_contain_text("dials 77: the route Night bell is taken")
    expect(page.locator(".sim-steps li")).to_have_count(2)
    expect(page.locator(".sim-steps")).to_contain_text("2502")

    page.goto(routes)
    names = page.locator("#result_list .field-name, #result_list th")
    before = [text for text in names.all_inner_texts() if text]
    page.get_by_role("button", name="Try Night bell earlier").click()
    page.wait_for_load_state()
    after = [text for text in names.all_inner_texts() if text]
    assert before != after and sorted(before) == sorted(after)
    page.get_by_role("switch", name="Night bell enabled").click()
    expect(page.get_by_role("switch", name="Night bell enabled")).to_have_attribute("aria-checked", "false")

    page.get_by_role("link", name="Night bell", exact=True).click()
    route = page.url.removesuffix("change/")
    page.goto(f"{route}json/")
    text = page.locator("#text").input_value().replace("Night bell", "Day bell")
    page.fill("#text", text)
    save(page)
    expect(page.locator("#content-main h2").first).to_contain_text("Day bell")
    page.goto(f"{route}history/")
    expect(page.locator("#change-history")).to_contain_text("Day bell")
    page.locator("#change-history a").last.click()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("tr", has_text="Night bell")).to_have_count(1)


def save(page: Page) -> None:
    """Press the button and wait for the page that follows."""
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
