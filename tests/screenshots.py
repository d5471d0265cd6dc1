# SPDX-License-Identifier: Apache-2.0
"""Pictures of every page, in light, in dark and 390 px wide: ``python -m tests.screenshots [DIRECTORY]``.

The few that the documentation explains go to ``docs/images``, small ones of all to ``docs/pages.md``, all of them to
DIRECTORY (default ``var/screenshots``).
Ends with 1 and the names of the pages that are wider than their window, or of which there is no picture.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
from django.contrib import admin
from django.urls import URLPattern, URLResolver, resolve
from playwright.sync_api import Browser, Page

from switchboard.dashboard.tests.fake_node import fake_node
from tests import gallery
from tests.showcase import drains, live_rows
from tests.stack import ROOT, Stack, manage
from tests.webui import PASSWORD, chromium, log_in, run_module, url_of

PAGES = {
    "dashboard": "",
    "rtp-manager": "rtp-manager?server=east&node=rtp-2",
    "rtp-manager-active": "rtp-manager?server=east&node=rtp-1",
    "calls": "cdrs/cdr/",
    "call": "cdrs/cdr/ >> table tbody a",
    "call-recorded": "cdrs/cdr/?recorded=yes >> table tbody a",
    "recordings": "cdrs/recording/",
    "recording": "cdrs/recording/ >> #result_list tbody th a",
    "recording-delete": "cdrs/recording/ >> #result_list tbody th a >> a[href$='/delete/']",
    "report": "cdrs/cdr/report/",
    "export": "cdrs/cdr/export/",
    "calls-none": "cdrs/cdr/?q=nobody",
    "report-none": "cdrs/cdr/report/?from=2020-01-01&to=2020-01-02",
    "users": "accounts/user/",
    "user": "accounts/user/ >> #result_list tbody th a",
    "user-add": "accounts/user/add/",
    "user-phone": "accounts/user/ >> #result_list tbody th a >> .panel-tabs a:last-child",
    "user-setup": "accounts/user/ >> #result_list tbody th a >> .panel-tabs a:last-child >> button[name=new_password]",
    "user-history": "accounts/user/ >> #result_list tbody th a >> a[href$='/history/']",
    "user-version": "accounts/user/ >> #result_list tbody th a >> a[href$='/history/'] >> #change-history a",
    "user-delete": "accounts/user/ >> #result_list tbody th a >> a[href$='/delete/']",
    "users-new-passwords": "accounts/user/ >> ACTION set_new_passwords",
    "users-delete": "accounts/user/ >> ACTION delete_selected",
    "accounts": "accounts/account/",
    "account": "accounts/account/ >> #result_list tbody th a",
    "account-add": "accounts/account/add/",
    "account-history": "accounts/account/ >> #result_list tbody th a >> a[href$='/history/']",
    "account-version": "accounts/account/ >> #result_list tbody th a >> a[href$='/history/'] >> #change-history a",
    "account-delete": "accounts/account/ >> #result_list tbody th a >> a[href$='/delete/']",
    "memberships": "accounts/membership/",
    "membership": "accounts/membership/ >> #result_list tbody th a",
    "membership-add": "accounts/membership/add/",
    "membership-history": "accounts/membership/ >> #result_list tbody th a >> a[href$='/history/']",
    "membership-version": "accounts/membership/ >> #result_list tbody th a >> a[href$='/history/'] >> #change-history a",
    "membership-delete": "accounts/membership/ >> #result_list tbody th a >> a[href$='/delete/']",
    "tokens": "accounts/apitoken/",
    "token-add": "accounts/apitoken/add/",
    "token": "accounts/apitoken/ >> #result_list tbody th a",
    "token-history": "accounts/apitoken/ >> #result_list tbody th a >> a[href$='/history/']",
    "token-version": "accounts/apitoken/ >> #result_list tbody th a >> a[href$='/history/'] >> #change-history a",
    "token-delete": "accounts/apitoken/ >> #result_list tbody th a >> a[href$='/delete/']",
    "routes": "dialplan/route/",
    "route": "dialplan/route/ >> a:text-is('Users of this account')",
    "route-json": "dialplan/route/ >> #result_list tbody th a >> .panel-tabs a:nth-child(2)",
    "route-history": "dialplan/route/ >> a:text-is('Users of this account') >> a[href$='/history/']",
    "route-version": "dialplan/route/ >> a:text-is('Users of this account') >> a[href$='/history/'] >> #change-history a",
    "route-mistake": "dialplan/route/add/ >> button[name=_save]",
    "route-delete": "dialplan/route/ >> #result_list tbody th a >> a[href$='/delete/']",
    "simulator": "dialplan/route/simulate/?number=1002&caller=1001",
    "routes-transfer": "dialplan/route/transfer/",
    "prompts": "media/prompt/",
    "prompt": "media/prompt/ >> #result_list tbody th a",
    "prompt-add": "media/prompt/add/",
    "prompt-history": "media/prompt/ >> #result_list tbody th a >> a[href$='/history/']",
    "prompt-version": "media/prompt/ >> #result_list tbody th a >> a[href$='/history/'] >> #change-history a",
    "prompt-delete": "media/prompt/ >> #result_list tbody th a >> a[href$='/delete/']",
    "registrations": "signaling/registration/",
    "registration": "signaling/registration/ >> #result_list tbody th a",
    "bans": "signaling/ban/",
    "ban": "signaling/ban/ >> #result_list tbody th a",
    "ban-add": "signaling/ban/add/",
    "ban-mistake": "signaling/ban/add/ >> button[name=_save]",
    "bans-none": "signaling/ban/?q=nobody",
    "ban-history": "signaling/ban/ >> #result_list tbody th a >> a[href$='/history/']",
    "ban-version": "signaling/ban/ >> #result_list tbody th a >> a[href$='/history/'] >> #change-history a",
    "ban-delete": "signaling/ban/ >> #result_list tbody th a >> a[href$='/delete/']",
    "logins": "auth/user/",
    "login-person": "auth/user/ >> #result_list tbody th a",
    "login-add": "auth/user/add/",
    "login-password": "auth/user/ >> #result_list tbody th a >> a[href$='/password/']",
    "login-history": "auth/user/ >> #result_list tbody th a >> a[href$='/history/']",
    "login-version": "auth/user/ >> #result_list tbody th a >> a[href$='/history/'] >> #change-history a",
    "login-delete": "auth/user/ >> #result_list tbody th a >> a[href$='/delete/']",
    "failed-logins": "accounts/failedlogin/",
    "failed-login": "accounts/failedlogin/ >> #result_list tbody th a",
    "failed-login-delete": "accounts/failedlogin/ >> #result_list tbody th a >> a[href$='/delete/']",
    "log-of-logins": "accounts/recordedlogin/",
    "log-of-login": "accounts/recordedlogin/ >> #result_list tbody th a",
    "own-password": "password_change/",
    "own-password-changed": "password_change/done/",
    "app": "accounts/",
    "console": "../api/docs/",
}
"""Name → path under ``/admin/``; after each ``>>`` the first link or button to press there, or an action for a row."""
WITHOUT_A_PICTURE = {
    *("admin:jsi18n", "admin:autocomplete", "admin:search", "admin:view_on_site", "admin:logout"),
    *("admin:accounts_user_setup_light", "admin:dialplan_route_order", "admin:dialplan_route_export"),
    *("admin:cdrs_cdr_export_csv", "admin:cdrs_cdr_export_progress", "admin:media_prompt_audio"),
    *("admin:cdrs_recording_add", "admin:cdrs_recording_audio", "admin:cdrs_recording_history"),
    *("admin:cdrs_cdr_add", "admin:cdrs_cdr_delete", "admin:cdrs_cdr_history"),
    *("admin:signaling_registration_add", "admin:signaling_registration_delete"),
    *(
        "admin:signaling_registration_history",
        "admin:accounts_failedlogin_history",
        "admin:accounts_recordedlogin_history",
    ),
    *(
        "admin:accounts_failedlogin_add",
        "admin:accounts_recordedlogin_add",
        "admin:accounts_recordedlogin_delete",
    ),
}
"""No pages of their own, or of what is never changed by hand."""
CHOOSE_ACTION = """action => {
  const form = document.querySelector("#changelist-form");
  form.querySelector(".action-select").checked = true;
  form.querySelector("select[name=action]").value = action;
  form.submit();
}"""
LOOKS = {"": (1280, 980, "light"), "-dark": (1280, 980, "dark"), "-mobile": (390, 844, "light")}
SHOWN = {
    "dashboard",
    "dashboard-dark",
    "dashboard-mobile",
    "calls",
    "call",
    "users",
    "user-setup",
    "routes",
    "route",
    "route-history",
    "simulator",
    "prompts",
}
WHOLE = {"user-setup"}
"""Those of them that show the whole page, however long."""
ACTION = "ACTION "
SETTLED_MS = 1200


@contextmanager
def showcase() -> Iterator[Stack]:
    """Start the ui role of an installation with made-up people and calls."""
    with fake_node() as node, tempfile.TemporaryDirectory() as directory:
        template = Path(directory) / "template"
        template.mkdir()
        stack = Stack(
            Path(directory) / "stack",
            template,
            env={"UI_BACKENDS": f"east={node.url}", "PHONE_SERVER": "sip.example.com:5060"},
        )
        try:
            manage([sys.executable, "manage.py", "migrate", "--verbosity", "0"], stack.environment())
            made = json.loads(run_module(stack, "tests.showcase", PASSWORD).splitlines()[-1])
            for name in (
                "Opening hours=welcome.wav",
                "All busy=all-busy.wav",
                "Not available=unavailable.wav",
            ):
                called, _, file = name.partition("=")
                path = str(ROOT / "media" / "audio" / file)
                manage(
                    [sys.executable, "manage.py", "prompts", "add", path, "--name", called, "--shared"],
                    stack.environment(),
                )
            node.tables.update(live_rows(**made))
            node.drains.update(drains())
            stack.run("runui")
            yield stack
        finally:
            stack.stop()


def main() -> int:
    """Take the pictures; return 1 when a page is wider than its window, or has no picture."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
    django.setup()
    parser = argparse.ArgumentParser(
        prog="python -m tests.screenshots", description="Take pictures of every page."
    )
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "var" / "screenshots")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PAGES,
        metavar="PAGE",
        help="take these anew; the others are there from before",
    )
    options = parser.parse_args()
    target: Path = options.directory
    target.mkdir(parents=True, exist_ok=True)
    pages = {name: path for name, path in PAGES.items() if name in (options.only or PAGES)}
    with showcase() as stack, chromium() as browser:
        _fail_to_log_in(browser, stack)
        shown: set[str] = set()
        wide = [name for look in LOOKS for name in _take(browser, stack, look, pages, target, shown)]
        gallery.write(browser, target, ["login", *PAGES], list(LOOKS))
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    for name in SHOWN:
        shutil.copy(target / f"{name}.png", images)
    for name in wide:
        print(f"{name} is wider than its window")
    forgotten = set() if options.only else admin_pages() - shown - WITHOUT_A_PICTURE
    for name in sorted(forgotten):
        print(f"{name} has no picture")
    return 1 if wide or forgotten else 0


def admin_pages() -> set[str]:
    """Return the names of all pages of the admin."""
    found = {f"admin:{pattern.name}" for pattern in _patterns(admin.site.urls[0]) if pattern.name}
    return found | {"rtp-manager"}


def _patterns(patterns: Any) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns)
        else:
            yield pattern


def _fail_to_log_in(browser: Browser, stack: Stack) -> None:
    """Leave something in the lists of logins."""
    page = browser.new_page()
    page.goto(f"{url_of(stack)}/admin/")
    page.fill("#id_username", "mallory")
    page.fill("#id_password", "wrong")
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()
    page.close()


def _take(
    browser: Browser, stack: Stack, look: str, pages: dict[str, str], target: Path, shown: set[str]
) -> Iterator[str]:
    """Take pages in one look; yields the names of those that are too wide, adds to `shown` what they are of."""
    width, height, scheme = LOOKS[look]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url_of(stack)}/admin/")
    page.screenshot(path=target / f"login{look}.png")
    shown.add("admin:login")
    log_in(page, stack)
    page.close()
    for name, path in pages.items():
        # A page of its own for each: one that loads itself again would get in the way of the next.
        page = context.new_page()
        _open(page, f"{url_of(stack)}/admin/", path)
        shown.add(resolve(urlsplit(page.url).path).view_name)
        whole = f"{name}{look}" not in SHOWN - WHOLE
        page.screenshot(path=target / f"{name}{look}.png", full_page=whole)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            yield f"{name}{look}"
        page.close()
    context.close()


def _open(page: Page, base: str, path: str) -> None:
    address, *presses = path.split(" >> ")
    page.goto(base + address)
    for pressed in presses:
        with page.expect_navigation():
            if pressed.startswith(ACTION):
                page.evaluate(CHOOSE_ACTION, pressed.removeprefix(ACTION))
            else:
                page.locator(pressed).first.evaluate("element => element.click()")
    page.wait_for_timeout(SETTLED_MS)


if __name__ == "__main__":
    sys.exit(main())
