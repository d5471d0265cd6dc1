# SPDX-License-Identifier: Apache-2.0
"""The pages of calls in a real Chromium: search, a call, the report and the export with its progress."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.screenshots import showcase
from tests.stack import Stack
from tests.webui import chromium, log_in, url_of

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def installation() -> Iterator[Stack]:
    """The ui role, with some hundred calls."""
    with showcase() as stack:
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(installation: Stack, browser: Browser) -> Iterator[Page]:
    """A page of somebody who is logged in, whose scripts must not fail."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    log_in(opened, installation)
    yield opened
    context.close()
    assert errors == []


def calls_url(stack: Stack, path: str = "") -> str:
    return f"{url_of(stack)}/admin/cdrs/cdr/{path}"


def test_a_search_leads_through_pages_to_a_call_and_back(page: Page, installation: Stack) -> None:
    page.goto(calls_url(installation))
    expect(page.locator(".calls-table tbody tr")).to_have_count(50)
    page.locator("a[rel=next]").click()
    page.locator("a[rel=prev]").click()
    expect(page.locator("a[rel=prev]")).to_have_count(0)
    page.fill("#id_q", "1001")
    page.get_by_text("Filters", exact=True).click()
    page.select_option("#id_disposition", "ANSWERED")
    page.get_by_role("button", name="Search").click()
    lines = page.locator(".calls-table tbody tr")
    assert all("1001" in text and "Answered" in text for text in lines.all_inner_texts())
    page.locator(".calls-chip.is-condition", has_text="Answered").click()
    assert "disposition" not in page.url and "q=1001" in page.url
    lines.first.locator("td").nth(3).click()
    expect(page.locator(".calls-sentence")).to_contain_text("called")


def test_an_id_of_a_call_is_copied_by_a_click(page: Page, installation: Stack) -> None:
    page.goto(calls_url(installation))
    page.locator(".calls-table tbody a").first.click()
    wanted = page.locator(".calls-id code").first.inner_text()
    page.locator(".calls-copy").first.click()
    expect(page.locator(".calls-copy.is-copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == wanted


def test_the_report_leads_to_the_calls_that_it_counts(page: Page, installation: Stack) -> None:
    page.goto(calls_url(installation, "report/"))
    bar = page.locator(".calls-chart a", has=page.locator("title")).last
    counted = int(bar.locator("title").text_content().split(": ")[1].split()[0])  # type: ignore[union-attr]
    bar.click()
    expect(page.locator(".calls-table tbody tr")).to_have_count(min(counted, 50))
    page.go_back()
    page.locator("a.heat-9").first.click()
    assert "weekday=" in page.url and "hour=" in page.url
    expect(page.locator(".calls-table tbody tr").first).to_be_visible()


def test_an_export_is_downloaded_while_its_progress_is_shown(
    page: Page, installation: Stack, tmp_path: Path
) -> None:
    page.goto(calls_url(installation, "export/?disposition=ANSWERED"))
    expected = int(page.locator(".calls-sentence").inner_text().split()[0].replace(",", ""))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "calls.csv")
    with (tmp_path / "calls.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == expected and {row["disposition"] for row in rows} == {"ANSWERED"}
    frame = page.frame_locator("iframe.calls-progress")
    expect(frame.get_by_role("status")).to_contain_text(f"Complete: {expected:,} calls")


def test_the_pages_work_without_javascript(browser: Browser, installation: Stack) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    log_in(plain, installation)
    plain.goto(calls_url(installation, "?q=1001"))
    plain.locator(".calls-table tbody a").first.click()
    expect(plain.locator(".calls-sentence")).to_contain_text("1001")
    plain.goto(calls_url(installation, "export/"))
    plain.get_by_role("link", name="Download").click()
    frame = plain.frame_locator("iframe.calls-progress")
    # The frame refreshes by itself.
    expect(frame.get_by_role("status")).to_contain_text("Complete", timeout=15_000)
    context.close()
