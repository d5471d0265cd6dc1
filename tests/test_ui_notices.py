# SPDX-License-Identifier: Apache-2.0
"""Two replicas of the ui and one Redis: what is done on a dashboard of one shows on those of both, Redis permitting."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from switchboard.dashboard.crossing import OLD_S, RENEW_S
from switchboard.dashboard.tests.fake_node import FakeNode, call, fake_node
from tests.nodes import Node
from tests.redis_server import RedisServer, running_redis
from tests.webui import chromium, create_admin, log_in

pytestmark = [pytest.mark.e2e, pytest.mark.redis]

numbers = itertools.count(4001)
ANSWER_S = 2.0
"""Far less than any wait for Redis that would show."""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis("pass word") as server:
        yield server


@pytest.fixture(scope="module")
def node() -> Iterator[FakeNode]:
    with fake_node() as served:
        yield served


@pytest.fixture(scope="module")
def replicas(
    node: FakeNode, server: RedisServer, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Node]]:
    directory = tmp_path_factory.mktemp("replicas")
    env = {"UI_BACKENDS": f"local={node.url}", "REDIS_ADDR": server.address, "REDIS_PASSWORD": "pass word"}
    found = [Node(directory / name, template, env=env) for name in ("east", "west")]
    try:
        found[1].share_database(found[0])
        create_admin(found[0])
        for each in found:
            each.run("runui")
        yield found
    finally:
        for each in found:
            each.stop()


@pytest.fixture
def pages(replicas: list[Node]) -> Iterator[tuple[Page, Page, Page]]:
    """The page that is worked on, another one of its replica, and one of the other replica."""
    with chromium() as browser:
        opened = []
        for replica in (replicas[0], replicas[0], replicas[1]):
            page = browser.new_context().new_page()
            log_in(page, replica)
            expect(page.locator(".board-state")).to_have_text("Live")
            opened.append(page)
        yield opened[0], opened[1], opened[2]


def hang_up(page: Page, node: FakeNode) -> str:
    """Hang up a call by its button; return what other pages are told."""
    number = str(next(numbers))
    node.tables["calls"] = [call("any", number, callee_number="<b>600</b>")]
    button = page.locator(f"[data-call='uuid-{number}']").get_by_role("button", name="Hang up")
    button.wait_for()
    with page.expect_response("**/admin/hang-up") as answered:
        began = time.monotonic()
        button.click()
    assert answered.value.ok
    assert time.monotonic() - began < ANSWER_S
    return f"admin hung up the call of {number} with <b>600</b>"


def notice(page: Page, text: str) -> Locator:
    return page.locator(".board-notice", has_text=text)


def logged(replica: Node, event: str) -> int:
    return (replica.var / "runui.log").read_text().count(f"notices.{event}")


def wait_until_it_crosses(replicas: list[Node], server: RedisServer) -> None:
    """Wait until both replicas are in the group again."""
    client = server.client()
    replicas[0].wait_until(
        lambda: client.zcard("notices::group:notices") == len(replicas), 20, "both replicas in the group"
    )


def test_open_pages_of_every_replica_are_told(pages, replicas, node, server) -> None:
    wait_until_it_crosses(replicas, server)
    acting, beside, elsewhere = pages
    text = hang_up(acting, node)
    for page in (beside, elsewhere):
        expect(notice(page, text)).to_have_count(1)
        expect(page.locator(".board-notices")).to_have_attribute("aria-live", "polite")
    expect(acting.locator(".board-said")).to_have_text("The call was hung up.")
    expect(acting.locator(".board-notice")).to_have_count(0)
    expect(notice(elsewhere, text)).to_have_count(0, timeout=12_000)


def test_without_redis_a_replica_tells_its_own_pages_and_nobody_waits(pages, replicas, node, server) -> None:
    wait_until_it_crosses(replicas, server)
    acting, beside, elsewhere = pages
    before = [(logged(each, "away"), logged(each, "connected")) for each in replicas]
    server.kill()
    text = hang_up(acting, node)
    expect(notice(beside, text)).to_have_count(1)
    for replica, (away, _) in zip(replicas, before, strict=True):
        replica.wait_until(lambda r=replica, a=away: logged(r, "away") > a, 10, "the log to say so")
    time.sleep(OLD_S)
    expect(elsewhere.locator(".board-state")).to_have_text("Live")
    expect(notice(elsewhere, text)).to_have_count(0)
    server.start()
    wait_until_it_crosses(replicas, server)
    text = hang_up(acting, node)
    for page in (beside, elsewhere):
        expect(notice(page, text)).to_have_count(1)
    time.sleep(2 * RENEW_S)
    for replica, (away, connected) in zip(replicas, before, strict=True):
        assert (logged(replica, "away"), logged(replica, "connected")) == (away + 1, connected + 1)


def test_a_frozen_redis_delays_neither_the_action_nor_the_notices_of_the_replica(
    pages, replicas, node, server
) -> None:
    wait_until_it_crosses(replicas, server)
    acting, beside, elsewhere = pages
    with server.frozen():
        text = hang_up(acting, node)
        expect(notice(beside, text)).to_have_count(1)
        replicas[0].wait_until(
            lambda: logged(replicas[0], "away") > logged(replicas[0], "connected"), 10, "log"
        )
    replicas[0].wait_until(
        lambda: all(logged(each, "away") == logged(each, "connected") for each in replicas), 20, "both back"
    )
    text = hang_up(acting, node)
    for page in (beside, elsewhere):
        expect(notice(page, text)).to_have_count(1)
