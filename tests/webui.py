# SPDX-License-Identifier: Apache-2.0
"""The ui role of a stack in a real Chromium: starts it, makes a login, opens pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.stack import ROOT, Stack, StackError, manage

PASSWORD = "correct-horse-battery"
CREATE_ADMIN = """
import django; django.setup()
from django.contrib.auth.models import User
User.objects.create_superuser("admin", "", sys.argv[1])
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def run_module(stack: Stack, module: str, *arguments: str) -> str:
    """Run a module with a stack's environment and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise StackError(f"{module} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def create_admin(stack: Stack) -> None:
    """Make the login ``admin`` in a stack's database."""
    command = [sys.executable, "-c", f"import sys{CREATE_ADMIN}", PASSWORD]
    manage(command, stack.environment())


def url_of(stack: Stack) -> str:
    """Return where the ui role of a stack is."""
    return f"http://127.0.0.1:{stack.ports.ui}"


def log_in(page: Page, stack: Stack) -> None:
    """Log in as ``admin``; ends on the dashboard."""
    page.goto(f"{url_of(stack)}/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
