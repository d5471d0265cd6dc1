# SPDX-License-Identifier: Apache-2.0
"""Pictures of every page, in light, in dark and 390 px wide: ``python -m tests.screenshots [DIRECTORY]``.

The few that the documentation shows go to ``docs/images``, all of them to DIRECTORY (default ``var/screenshots``).
Ends with 1 and the names of the pages that are wider than their window.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from switchboard.dashboard.tests.fake_node import fake_node
from tests.showcase import drains, live_rows
from tests.stack import ROOT, Stack, manage
from tests.webui import PASSWORD, chromium, log_in, run_module, url_of

PAGES = {
    "dashboard": "",
    "rtp-manager": "rtp-manager?server=east&node=rtp-2",
    "calls": "cdrs/cdr/",
    "call": "cdrs/cdr/ >> table tbody a",
    "report": "cdrs/cdr/report/",
    "export": "cdrs/cdr/export/",
    "users": "accounts/user/",
    "user": "accounts/user/ >> #result_list tbody th a",
    "user-add": "accounts/user/add/",
    "user-phone": "accounts/user/ >> #result_list tbody th a >> .panel-tabs a:last-child",
    "user-setup": "accounts/user/ >> #result_list tbody th a >> .panel-tabs a:last-child >> button[name=new_password]",
    "user-history": "accounts/user/ >> #result_list tbody th a >> a[href$='/history/']",
    "accounts": "accounts/account/",
    "account": "accounts/account/ >> #result_list tbody th a",
    "memberships": "accounts/membership/",
    "tokens": "accounts/apitoken/",
    "token-add": "accounts/apitoken/add/",
    "routes": "dialplan/route/",
    "route": "dialplan/route/ >> a[href*='demo-users/change']",
    "route-json": "dialplan/route/ >> #result_list tbody th a >> .panel-tabs a:nth-child(2)",
    "route-history": "dialplan/route/ >> a[href*='demo-users/change'] >> a[href$='/history/']",
    "route-version": "dialplan/route/ >> a[href*='demo-users/change'] >> a[href$='/history/'] >> #change-history a",
    "route-mistake": "dialplan/route/add/ >> button[name=_save]",
    "simulator": "dialplan/route/simulate/?number=1002&caller=1001",
    "routes-transfer": "dialplan/route/transfer/",
    "prompts": "media/prompt/",
    "prompt": "media/prompt/ >> #result_list tbody th a",
    "prompt-add": "media/prompt/add/",
    "registrations": "signaling/registration/",
    "logins": "auth/user/",
}
"""Name → path under ``/admin/``; after each ``>>`` the first link or button to press there."""
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
    """Take the pictures; return 1 when a page is wider than its window."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "var" / "screenshots")
    target.mkdir(parents=True, exist_ok=True)
    with showcase() as stack, chromium() as browser:
        wide = [name for look in LOOKS for name in _take(browser, stack, look, target)]
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    for name in SHOWN:
        shutil.copy(target / f"{name}.png", images)
    for name in wide:
        print(f"{name} is wider than its window")
    return 1 if wide else 0


def _take(browser: Browser, stack: Stack, look: str, target: Path) -> Iterator[str]:
    """Take all pages in one look; yields the names of those that are too wide."""
    width, height, scheme = LOOKS[look]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url_of(stack)}/admin/")
    page.screenshot(path=target / f"login{look}.png")
    log_in(page, stack)
    page.close()
    for name, path in PAGES.items():
        # A page of its own for each: one that loads itself again would get in the way of the next.
        page = context.new_page()
        _open(page, f"{url_of(stack)}/admin/", path)
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
            page.locator(pressed).first.evaluate("element => element.click()")
    page.wait_for_timeout(SETTLED_MS)


if __name__ == "__main__":
    sys.exit(main())
