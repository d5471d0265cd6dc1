# SPDX-License-Identifier: Apache-2.0
"""What operators do at the shell and on the dashboard, on a running system with real calls."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import httpx
import pytest

from signaling.node_client import DENIED, NOT_FOUND, REFUSED, UNREACHABLE
from tests.live_api import LiveApi
from tests.media_pool import PoolStack
from tests.sipp import SippRunner
from tests.stack import DOMAIN, ROOT, Stack
from tests.webui import PASSWORD, create_admin, url_of

pytestmark = pytest.mark.e2e


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product as somebody at the node's shell does."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(stack: Stack, *arguments: str) -> Any:
    """Return the JSON that a command prints."""
    done = run(stack, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def api(stack: Stack) -> LiveApi:
    return LiveApi(stack).ready()


def test_a_call_is_made_listed_and_hung_up_at_the_shell(api: LiveApi, stack: Stack, sipp: SippRunner) -> None:
    caller, callee = sipp.answering(), sipp.answering()
    made = told(stack, "calls", "originate", caller.username, callee.username)
    api.call_of(caller.username)
    (row,) = [each for each in told(stack, "calls", "list") if each["call_uuid"] == made["call_uuid"]]
    assert (row["state"], row["caller_number"], row["callee_number"], row["account"]) == (
        "bridged",
        caller.username,
        callee.username,
        DOMAIN,
    )
    assert callee.username in run(stack, "calls", "list").stdout
    assert told(stack, "calls", "hangup", made["call_uuid"])["call_uuid"] == made["call_uuid"]
    sipp.wait_all()
    record = stack.cdr(made["call_id"])
    assert (record["disposition"], record["hangup_by"]) == ("ANSWERED", "system")
    phones = {row["aor"] for row in told(stack, "registrations", "list")}
    assert {caller.aor, callee.aor} <= phones


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("calls", "originate", "2599", "600"), REFUSED, "has no registered phone"),
        (("calls", "originate", "2599", "777777"), REFUSED, "number: No route of the dialplan"),
        (("calls", "originate", "2599", "600", "--account", "no.example"), REFUSED, "account"),
        (("calls", "hangup", "no-such-call"), NOT_FOUND, ""),
        (("calls", "list", "--token", "sbt_wrong"), DENIED, "token"),
        (("rtpmanagers", "drain", "rtp-9"), NOT_FOUND, "There is no RTP manager rtp-9."),
        (("registrations", "list", "--server", "http://127.0.0.1:9"), UNREACHABLE, "cannot be reached"),
    ],
)
def test_what_is_refused_is_one_line_and_an_exit_code(
    stack: Stack, arguments: tuple[str, ...], code: int, text: str
) -> None:
    done = run(stack, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_drain_ordered_at_the_shell_outlives_signaling(pool: PoolStack, pool_sipp: SippRunner) -> None:
    pool.start("rtp-1", "rtp-2")
    pool.wait_until(lambda: pool.rest("GET", "health")[0] == 200, 20, "REST")
    assert {row["node_id"] for row in told(pool, "rtpmanagers", "list")} >= {"rtp-1", "rtp-2"}
    done = run(pool, "rtpmanagers", "drain", "rtp-1", "--wait")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rtp-1 is disabled: 0 of 0 media sessions moved")
    pool.kill("runsip")
    pool.run("runsip")
    pool.wait_healthy("rtp-1")
    assert pool.manager("rtp-1")["drain_state"] == "disabled"
    calls = [
        pool_sipp.run("uac-call-answered", pool.phone(), to="600", options=("-d", "100")) for _ in range(3)
    ]
    assert {pool.cdr(call.call_id)["rtp_manager"] for call in calls} == {"rtp-2"}
    pool.wait_until(lambda: pool.rest("GET", "health")[0] == 200, 20, "REST")
    assert run(pool, "rtpmanagers", "enable", "rtp-1").stdout == "RTP manager rtp-1 takes calls again.\n"
    pool.wait_until(lambda: pool.manager("rtp-1")["drain_state"] == "active", 5, "rtp-1 to be in use")
    pool.kill("runsip")
    pool.run("runsip")
    pool.wait_healthy("rtp-1")
    assert pool.manager("rtp-1")["drain_state"] == "active"


def test_an_rtp_manager_with_a_call_is_drained_on_its_page(pool: PoolStack, pool_sipp: SippRunner) -> None:
    pool.start("rtp-1")
    create_admin(pool)
    pool.run("runui")
    pool.wait_until(lambda: pool.rest("GET", "health")[0] == 200, 20, "REST")
    callee = pool_sipp.answering()
    call = pool_sipp.start("uac-call-ended-by-callee", pool.phone(), to=callee.username)
    pool.wait_until(lambda: pool.rest("GET", "sessions")[1].get("total") == 2, 10, "the call")
    address = f"{url_of(pool)}/admin/rtp-manager?server=local&node=rtp-1"
    with httpx.Client(follow_redirects=True) as browser:
        log_in(browser, f"{url_of(pool)}/admin/")
        page = browser.get(address).text
        assert "No other RTP manager is in use." in page
        begun = browser.post(
            address, data={"act": "drain", "mode": "graceful", "csrfmiddlewaretoken": token_of(page)}
        )
        assert "rtp-1 is being disabled" in begun.text
        page = browser.get(address).text
        assert "Cancel the drain of rtp-1?" in page
        assert "2 still here" in page
        (row,) = pool.rest("GET", "calls")[1]["calls"]
        assert pool.rest("DELETE", f"calls/{row['call_uuid']}")[0] == 200
        pool_sipp.wait_all()
        pool.wait_until(lambda: "Enable rtp-1?" in browser.get(address).text, 10, "the end of the drain")
        page = browser.get(address).text
        assert "2 ended by themselves" in page
        assert ">admin<" in page
    assert pool.cdr(call.call_id)["disposition"] == "ANSWERED"
    log = (pool.var / "runsip.log").read_text()
    assert re.search(r"drain\.started.*asked_by=admin", log)


def log_in(browser: httpx.Client, address: str) -> None:
    """Log in as the platform administrator."""
    page = browser.get(address)
    form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token_of(page.text)}
    answer = browser.post(str(page.url), data=form, headers={"Referer": str(page.url)})
    assert "Dashboard" in answer.text


def token_of(page: str) -> str:
    """Return the token of a page's form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return found[1]
