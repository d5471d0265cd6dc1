# SPDX-License-Identifier: Apache-2.0
"""The directory: look-ups, changes, outages and broken rows, with a source in memory."""

import asyncio
import logging

import pytest

from signaling.configuration import AccountInfo, PromptRow, RouteRow, UserInfo
from signaling.directory import Directory


def account(id_, domain, **changes):
    values = {"name": domain, "realm": domain, "enabled": True, "max_concurrent_calls": 0} | changes
    return AccountInfo(id=id_, domain=domain, **values)


def user(id_, account_id, username, extension):
    return UserInfo(id_, account_id, username, extension, "", True, "md5", "sha", None)


def route(id_, account_id, pattern, actions=None):
    actions = [{"type": "hangup", "params": {"reason": "busy"}}] if actions is None else actions
    document = {"id": id_, "name": id_, "pattern": pattern, "actions": actions}
    return RouteRow(id_, account_id, document)


class Source:
    """A configuration in memory that counts what is read."""

    def __init__(self):
        self.numbers = {"accounts": 1, "users": 1, "routes": 1, "prompts": 1}
        self.rows = {
            "accounts": [account("A", "a.example"), account("D", "switchboard.local")],
            "users": [user("alice", "A", "alice", "1001"), user("dan", "D", "dan", "1001")],
            "routes": [route("own", "A", "500"), route("all", None, "*")],
            "prompts": [
                PromptRow("A", "hours", "prompt:a"),
                PromptRow(None, "hours", "prompt:shared"),
                PromptRow("A", "welcome.wav", "prompt:own"),
            ],
        }
        self.reads = []
        self.broken = None

    def revisions(self):
        if self.broken:
            raise self.broken
        return dict(self.numbers)

    def _read(self, topic):
        self.reads.append(topic)
        return list(self.rows[topic])

    def accounts(self):
        return self._read("accounts")

    def users(self):
        return self._read("users")

    def routes(self):
        return self._read("routes")

    def prompts(self):
        return self._read("prompts")

    def close(self):
        self.reads.append("closed")


@pytest.fixture
def source():
    return Source()


@pytest.fixture
async def directory(source):
    directory = Directory(source, default_domain="Switchboard.local", poll_s=60)
    await directory.start()
    yield directory
    await directory.stop()


async def test_it_finds_accounts_by_domain_and_falls_back_to_the_default(directory):
    assert directory.account_for_host("A.Example").id == "A"
    assert directory.account_for_host("192.0.2.1").id == "D"
    assert directory.account_of_domain("192.0.2.1") is None
    assert directory.account("A").domain == "a.example"


async def test_it_serves_unknown_hosts_by_the_oldest_account_when_the_default_is_gone(source):
    source.rows["accounts"].pop()
    directory = Directory(source, default_domain="switchboard.local", poll_s=60)
    await directory.refresh()
    assert directory.account_for_host("192.0.2.1").id == "A"
    await directory.stop()


async def test_it_knows_nobody_when_there_is_no_account(source):
    source.rows = {"accounts": [], "users": [], "routes": []}
    directory = Directory(source, default_domain="switchboard.local", poll_s=60)
    await directory.refresh()
    assert directory.account_for_host("a.example") is None
    assert directory.user("A", "alice") is None
    await directory.stop()


async def test_it_never_finds_a_user_of_another_account(directory):
    assert directory.user("A", "alice").id == "alice"
    assert directory.user("D", "alice") is None
    assert directory.user_by_number("A", "1001").id == "alice"
    assert directory.user_by_number("D", "1001").id == "dan"
    assert directory.user_by_number("D", "dan").id == "dan"
    assert directory.user_by_number("D", "alice") is None
    assert directory.user_by_id("dan").account_id == "D"


async def test_it_gives_each_account_its_own_and_the_shared_routes(directory):
    assert directory.dialplan("A").match("500").id == "own"
    assert directory.dialplan("D").match("500").id == "all"
    assert directory.dialplan("A") is directory.dialplan("A")
    assert directory.dialplan("unknown").match("500").id == "all"


async def test_it_skips_a_broken_route_and_keeps_the_others(directory, source, caplog):
    source.rows["routes"].append(route("bad", "A", "7", [{"type": "no such thing"}]))
    source.numbers["routes"] = 2
    with caplog.at_level(logging.ERROR):
        await directory.refresh()
    assert directory.dialplan("A").match("7").id == "all"
    assert "bad" in caplog.text


async def test_it_reads_again_only_what_changed(directory, source):
    changes = []
    directory.on_change.append(changes.append)
    await directory.refresh()
    source.reads.clear()
    source.numbers["users"] = 2
    source.rows["users"].append(user("bob", "A", "bob", "1002"))
    await directory.refresh()
    assert source.reads == ["users"]
    assert changes == [frozenset({"users"})]
    assert directory.user("A", "bob").id == "bob"


async def test_it_compiles_dialplans_anew_when_routes_change(directory, source):
    before = directory.dialplan("A")
    source.rows["routes"] = [route("new", "A", "500")]
    source.numbers["routes"] = 2
    await directory.refresh()
    assert directory.dialplan("A").match("500").id == "new"
    assert before.match("500").id == "own"


async def test_it_serves_the_last_snapshot_while_the_source_is_away_and_says_so_once(
    directory, source, caplog
):
    source.broken = OSError("database is gone")
    with caplog.at_level(logging.INFO):
        assert [await directory.refresh() for _ in range(5)] == [False] * 5
        assert directory.user("A", "alice").id == "alice"
        assert caplog.text.count("database is gone") == 1
        source.broken = None
        source.numbers["accounts"] = 2
        assert await directory.refresh()
    assert "can be read again" in caplog.text


async def test_it_waits_for_the_source_at_the_start(source):
    source.broken = OSError("not there yet")
    directory = Directory(source, default_domain="switchboard.local", poll_s=0.001)
    starting = asyncio.ensure_future(directory.start())
    await asyncio.sleep(0)
    assert not starting.done()
    source.broken = None
    await asyncio.wait_for(starting, 5)
    assert directory.user("A", "alice")
    await directory.stop()


async def test_it_notices_changes_by_itself(source):
    directory = Directory(source, default_domain="switchboard.local", poll_s=0.001)
    await directory.start()
    changed = asyncio.Event()
    directory.on_change.append(lambda topics: changed.set())
    source.numbers["users"] = 9
    await asyncio.wait_for(changed.wait(), 5)
    await directory.stop()
    assert source.reads[-1] == "closed"


async def test_it_calls_the_hook_before_each_look(source):
    calls = []
    directory = Directory(
        source,
        default_domain="switchboard.local",
        poll_s=60,
        before_poll=lambda: calls.append(len(source.reads)),
    )
    await directory.refresh()
    assert calls == [0]
    await directory.stop()


async def test_a_name_is_the_accounts_own_prompt_then_that_of_every_account_then_a_file(directory):
    assert directory.prompt("A", "hours") == "prompt:a"
    assert directory.prompt("D", "hours") == "prompt:shared"
    assert directory.prompt("A", "welcome.wav") == "prompt:own"
    assert directory.prompt("D", "welcome.wav") == "welcome.wav"


async def test_a_new_prompt_is_known_after_the_next_look(directory, source):
    source.rows["prompts"].append(PromptRow("D", "new", "prompt:new"))
    source.numbers["prompts"] += 1
    await directory.refresh()
    assert directory.prompt("D", "new") == "prompt:new"
    assert source.reads[-1] == "prompts"
