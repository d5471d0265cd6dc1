# SPDX-License-Identifier: Apache-2.0
"""The pages around the calls, walked as a person does: accounts, logins, tokens, registrations, routes, reports.

No script may fail on any of them, and nothing may be reported as an error in the browser's console.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests import rawsip
from tests.stack import DOMAIN, Phone, Stack
from tests.webui import PASSWORD, chromium, create_admin, log_in, url_of

pytestmark = pytest.mark.e2e

FOREIGN = "other.example"
LOGIN_FAILURES = 3
BUSY = "9011"


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole installation with a ui role that soon locks a login."""
    env = {"LOGIN_FAILURES": str(LOGIN_FAILURES)}
    stack = Stack(tmp_path_factory.mktemp("pages"), template, env=env)
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


@contextmanager
def clean_context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a browser context in which no script fails and no page complains in the console."""
    opened = browser.new_context(accept_downloads=True)
    failures: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A page that refuses, such as that of a locked login, has a status that the console names.
        if message.type == "error" and "status of 429" not in message.text:
            failures.append(f"{message.location.get('url')}: {message.text}")

    opened.on("weberror", lambda error: failures.append(str(error.error)))
    opened.on("console", note)
    try:
        yield opened
    finally:
        opened.close()
    assert failures == []


@pytest.fixture
def page(own_stack: Stack, browser: Browser) -> Iterator[Page]:
    """A page of the platform admin."""
    with clean_context(browser) as context:
        opened = context.new_page()
        log_in(opened, own_stack)
        yield opened


def admin(stack: Stack, path: str = "") -> str:
    return f"{url_of(stack)}/admin/{path}"


def press(page: Page, name: str) -> None:
    """Press a button and wait for the page that follows."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def field_of(page: Page, name: str) -> Locator:
    """The box of one field of a form, with its label and errors."""
    return page.locator(f".field-{name}").first


def add_login(page: Page, stack: Stack, name: str) -> None:
    """Fill in the form of a login that may open the admin; ends on its page."""
    page.goto(admin(stack, "auth/user/add/"))
    page.fill("#id_username", name)
    page.fill("#id_password1", PASSWORD)
    page.fill("#id_password2", PASSWORD)
    page.check("#id_is_staff")
    press(page, "Save")
    expect(page.locator("#id_first_name")).to_be_visible()


def log_in_as(page: Page, stack: Stack, name: str, password: str = PASSWORD) -> None:
    page.goto(admin(stack))
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_an_account_is_added_and_its_admin_sees_that_account_alone(
    own_stack: Stack, page: Page, browser: Browser
) -> None:
    page.goto(admin(own_stack, "accounts/account/add/"))
    page.fill("#id_name", "Bakery")
    page.fill("#id_domain", "Bakery at home")
    press(page, "Save")
    expect(field_of(page, "domain")).to_contain_text("Enter a domain name in lower case")
    expect(page.locator("#id_name")).to_have_value("Bakery")
    page.fill("#id_domain", "bakery.example")
    press(page, "Save")
    expect(page.locator("#result_list tr", has_text="bakery.example")).to_have_count(1)

    add_login(page, own_stack, "berta")
    page.get_by_role("link", name=re.compile("Add another", re.IGNORECASE)).click()
    page.locator("[data-id$=memberships-0-account] .select2-selection").click()
    page.locator(".select2-search__field").fill("bakery")
    page.locator(".select2-results__option", has_text="Bakery").click()
    page.select_option("#id_memberships-0-role", "admin")
    press(page, "Save")
    expect(page.locator("#result_list tr", has_text="berta")).to_contain_text("Bakery")

    with clean_context(browser) as context:
        hers = context.new_page()
        log_in_as(hers, own_stack, "berta")
        hers.goto(admin(own_stack, "accounts/account/"))
        expect(hers.locator("#result_list tbody tr")).to_have_count(1)
        expect(hers.locator("#result_list")).to_contain_text("bakery.example")
        hers.goto(admin(own_stack, "accounts/user/"))
        expect(hers.locator("#content-main")).to_contain_text("A SIP user is what a phone logs in as")
        hers.goto(admin(own_stack, "accounts/user/add/"))
        expect(hers.locator("#id_account option:checked")).to_have_text(re.compile("Bakery"))
        expect(hers.get_by_role("link", name="People who log in")).to_have_count(0)


def test_a_token_is_shown_once_and_opens_rest(own_stack: Stack, page: Page) -> None:
    page.goto(admin(own_stack, "accounts/apitoken/add/"))
    page.fill("#id_name", "Wallboard")
    press(page, "Save")
    token = page.locator("code", has_text=re.compile(r"\S{30,}")).inner_text()
    page.goto(admin(own_stack, "accounts/apitoken/"))
    assert token not in page.content()
    row = page.locator("#result_list tr", has_text="Wallboard")
    expect(row).to_contain_text("valid")

    answer = rest(own_stack, token)
    assert answer.status_code == 200
    assert DOMAIN in {each["domain"] for each in answer.json()["results"]}
    row.locator("input[type=checkbox]").check()
    run_action(page, "revoke_tokens")
    expect(row).to_contain_text("revoked")
    assert rest(own_stack, token).status_code == 401


def rest(stack: Stack, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{url_of(stack)}/api/v1/accounts", headers=headers, timeout=10)


def run_action(page: Page, name: str) -> None:
    """Run an action on the ticked rows of a list."""
    page.select_option("select[name=action]", name)
    press(page, "Run")


def test_a_phone_is_in_the_list_of_registrations(own_stack: Stack, page: Page) -> None:
    page.goto(admin(own_stack, "signaling/registration/"))
    expect(page.locator("#content-main")).to_contain_text("A registration appears here by itself")
    phone = own_stack.phone()
    with rawsip.Peer(own_stack.address) as peer:
        assert peer.register(phone).status == 200
        stored = "SELECT * FROM registrations WHERE aor = ?"
        own_stack.wait_until(lambda: bool(own_stack.rows(stored, phone.aor)), 5, "the row of the binding")
        page.reload()
        row = page.locator("#result_list tbody tr")
        expect(row).to_have_count(1)
        for text in (phone.aor, f"127.0.0.1:{peer.port}", "udp"):
            expect(row).to_contain_text(text, ignore_case=True)
        row.get_by_role("link").first.click()
        expect(page.locator("#content-main")).to_contain_text(phone.aor)


def document(reason: str) -> dict[str, Any]:
    """Return a document as an export writes it."""
    ring = {"type": "dial", "params": {"target": "user/${destination}", "timeout": 15}}
    end = {"type": "hangup", "params": {"reason": reason}}
    bell = {"id": "shop-bell", "name": "Shop bell", "pattern": "71??", "priority": 40, "enabled": True}
    closed = {"id": "shop-closed", "name": "Shop closed", "pattern": "72*", "priority": 50, "enabled": False}
    return {"version": "1.0", "routes": [{**bell, "actions": [ring, end]}, {**closed, "actions": [end]}]}


def test_routes_are_imported_and_exported_as_they_were(own_stack: Stack, page: Page, tmp_path: Path) -> None:
    page.goto(admin(own_stack, "dialplan/route/"))
    page.get_by_role("link", name="Import and export").click()
    scope = page.get_by_label("Into the routes of")
    scope.select_option(label=f"{FOREIGN} – {FOREIGN}")
    page.fill("#id_text", json.dumps(document("engaged")))
    press(page, "Import")
    problems = page.get_by_role("alert")
    expect(problems).to_contain_text("Nothing was imported")
    expect(problems).to_contain_text("Route shop-bell")
    expect(problems.locator("code").first).to_contain_text("reason")

    page.fill("#id_text", json.dumps(document("busy")))
    press(page, "Check")
    expect(page.get_by_role("status")).to_contain_text("Nothing was changed yet")
    press(page, "Import")
    expect(page.locator("#result_list tr", has_text="Shop bell")).to_contain_text(FOREIGN)

    page.goto(admin(own_stack, "dialplan/route/transfer/"))
    page.get_by_label("Routes of", exact=True).select_option(label=f"{FOREIGN} – {FOREIGN}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    assert download.value.suggested_filename == f"dialplan-{FOREIGN}.json"
    download.value.save_as(tmp_path / "routes.json")
    assert json.loads((tmp_path / "routes.json").read_text()) == document("busy")


def test_wrong_passwords_lock_a_login_until_it_is_unlocked(
    own_stack: Stack, page: Page, browser: Browser
) -> None:
    add_login(page, own_stack, "lena")
    with clean_context(browser) as context:
        hers = context.new_page()
        for _ in range(LOGIN_FAILURES - 1):
            log_in_as(hers, own_stack, "lena", "wrong")
            expect(hers.locator("body")).to_contain_text("No login has this name and password")
        for password in ("wrong", PASSWORD):
            log_in_as(hers, own_stack, "lena", password)
            expect(hers.locator("body")).to_contain_text("Too many failed logins with this name")

        page.goto(admin(own_stack, "accounts/failedlogin/"))
        row = page.locator("#result_list tbody tr", has_text="lena")
        expect(row).to_contain_text("locked")
        row.locator("input[type=checkbox]").check()
        run_action(page, "unlock")
        expect(page.locator("body")).to_contain_text("Unlocked: 1.")
        log_in_as(hers, own_stack, "lena")
        expect(hers.locator("#id_password")).to_have_count(0)
    page.goto(admin(own_stack, "accounts/recordedlogin/"))
    expect(page.locator("#result_list tbody tr", has_text="lena")).to_have_count(1)


def test_the_report_leads_to_filtered_lists_and_an_export(
    own_stack: Stack, page: Page, tmp_path: Path
) -> None:
    caller = own_stack.phone()
    call(own_stack, caller, BUSY)
    call(own_stack, caller, "0000")
    page.goto(admin(own_stack, "cdrs/cdr/"))
    page.get_by_role("link", name="Report", exact=True).click()
    results = page.locator("section", has=page.get_by_role("heading", name="What became of them"))
    expect(results.locator("li")).to_have_count(2)
    for index in range(2):
        line = results.locator("li").nth(index)
        counted = int(line.locator(".calls-count").inner_text().split()[0])
        line.get_by_role("link").click()
        expect(page.locator(".calls-table tbody tr")).to_have_count(counted)
        expect(page.locator(".calls-chip.is-condition")).not_to_have_count(0)
        page.go_back()
    page.get_by_role("link", name="List of these calls").click()
    expect(page.locator(".calls-table tbody tr")).to_have_count(2)

    page.fill("#id_q", BUSY)
    press(page, "Search")
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.locator(".calls-sentence")).to_contain_text("1 call.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "calls.csv")
    with (tmp_path / "calls.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert BUSY in row.values() and caller.username in row.values()


def call(stack: Stack, caller: Phone, number: str) -> None:
    """Place a call that is refused, and wait for its record."""
    with rawsip.Peer(stack.address) as peer:
        assert peer.invite(caller, number).status >= 400
        stack.cdr(peer.call_id)
