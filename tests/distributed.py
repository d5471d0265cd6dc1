# SPDX-License-Identifier: Apache-2.0
"""A stack as an operator of many nodes has it: PostgreSQL, and where a test wants them Redis and NATS, for real.

Each service is a process of its own, which a test kills and freezes as it likes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery
from psycopg.rows import dict_row

from tests import nats, redis_server
from tests.media_pool import PoolStack
from tests.postgres import PostgresServer, find_binaries
from tests.stack import START_TIMEOUT_S, StackError, base_configuration, manage

HEARTBEAT = "switchboard.heartbeat"
ORDER_AGAIN_S = 5.0
SEARCH_PATH = "-c search_path=switchboard,public"
DATABASE_TIMEOUT_S = 3


class Distributed(PoolStack):
    """A stack on PostgreSQL.

    Args:
        directory: of the stack.
        template: see `Stack`; only its prompts are used.
        postgres: a running server.
        redis: a running server; None: there is none.
        nats: a running server; None: there is none.
        managers: how many RTP managers signaling is told of.
        env: for all processes.
    """

    def __init__(
        self,
        directory: Path,
        template: Path,
        *,
        postgres: PostgresServer,
        redis: redis_server.RedisServer | None = None,
        nats: nats.NatsServer | None = None,
        managers: int = 1,
        env: dict[str, str] | None = None,
    ) -> None:
        self.postgres, self.redis, self.nats = postgres, redis, nats
        self.url = postgres.create_database(f"stack_{time.monotonic_ns()}")
        services = {"DATABASE_URL": self.url, "DATABASE_TIMEOUT_S": str(DATABASE_TIMEOUT_S)}
        if redis is not None:
            services["REDIS_ADDR"] = redis.address
        if nats is not None:
            services["NATS_URL"] = nats.url
        super().__init__(directory, template, managers=managers, env=services | (env or {}))

    def prepare(self) -> None:
        """Make tables, accounts and users."""
        manage([sys.executable, "manage.py", "migrate", "--verbosity", "0"], self.environment())
        self.seed(base_configuration())

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """Return rows of the database as dictionaries; ``?`` stands for a parameter."""
        statement: Any = sql.replace("?", "%s")
        with psycopg.connect(self.url, options=SEARCH_PATH, row_factory=dict_row, connect_timeout=5) as link:
            return link.execute(statement, parameters).fetchall()

    def health(self) -> tuple[int, dict[str, Any]]:
        """Return status and body of the node's health, 0 when nobody answers."""
        return self.rest("GET", "health")

    def degraded(self) -> set[str]:
        """Return the names of the services that health calls away; none while nobody answers."""
        return {each["service"] for each in self.health()[1].get("degraded", [])}

    def wait_whole(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until the node takes calls and misses nothing."""

        def is_whole() -> bool:
            status, body = self.health()
            return status == 200 and not body["degraded"]

        self.wait_until(is_whole, timeout_s, "a node that misses nothing")

    def page(self, path: str, timeout_s: float = 30.0) -> tuple[int, str, float]:
        """Return status and text of a page of the ui role, and how long it took; status 0 when nobody answers."""
        begun = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.ports.ui, timeout=timeout_s)
        try:
            connection.request(
                "GET", path, headers={"Cookie": "switchboard_session=abcdefghijklmnopqrstuvwxyz012345"}
            )
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            return answer.status, text, time.monotonic() - begun
        except OSError:
            return 0, "", time.monotonic() - begun
        finally:
            connection.close()

    def job_done(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Order a job, again and again since Redis may forget the order, and wait until it was done."""
        assert self.redis is not None
        before = self._sign_of_life()
        orders = Celery(broker=f"redis://{self.redis.address}/0", set_as_current=False)
        orders.conf.broker_transport_options = {"socket_timeout": 2, "socket_connect_timeout": 2}
        ordered = float("-inf")

        def is_done() -> bool:
            nonlocal ordered
            if time.monotonic() - ordered > ORDER_AGAIN_S:
                orders.send_task(HEARTBEAT, expires=ORDER_AGAIN_S)
                ordered = time.monotonic()
            return self._sign_of_life() != before

        with orders:
            self.wait_until(is_done, timeout_s, "a job is done")

    def _sign_of_life(self) -> object:
        rows = self.rows("SELECT began_at FROM job_runs WHERE task = ?", HEARTBEAT)
        return rows[0]["began_at"] if rows else None

    def count_log(self, command: str, text: str) -> int:
        """Return how many lines of a command's log hold a text."""
        return (self.var / f"{command}.log").read_text(errors="replace").count(text)

    def records(self, prefix: str) -> dict[str, list[dict[str, Any]]]:
        """Return Call-ID → the records of the calls whose Call-IDs begin so."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.cdrs(prefix):
            metadata = row["metadata"]
            row["metadata"] = json.loads(metadata) if isinstance(metadata, str) else metadata
            found.setdefault(row["call_id"], []).append(row)
        return found


@contextmanager
def services() -> Iterator[tuple[PostgresServer, redis_server.RedisServer, nats.NatsServer]]:
    """PostgreSQL, Redis and NATS for one run.

    Raises:
        StackError: one of them is not installed.
    """
    binaries, redis_program, nats_program = (
        find_binaries(),
        redis_server.find_server(),
        nats.find_server(),
    )
    if binaries is None or redis_program is None or nats_program is None:
        raise StackError("install postgresql, redis-server and nats-server")
    made = (
        PostgresServer(binaries),
        redis_server.RedisServer(redis_program),
        nats.NatsServer(nats_program),
    )
    try:
        made[0].create()
        made[1].start()
        made[2].start()
        yield made
    finally:
        for server in made:
            server.remove()
