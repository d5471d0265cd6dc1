# SPDX-License-Identifier: Apache-2.0
"""Millions of plausible calls in PostgreSQL: two hundred tenants of very different size, a year, four nodes.

The calls are made by a seeded generator and loaded with COPY while the indexes are away, as a restore does it.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import psycopg

from bench.processes import MissingProgram
from tests.postgres import PostgresServer, find_binaries

ACCOUNTS = 200
FIRST_CALL = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
TEMPLATES = 50_000
BATCH = 10_000
SEARCH_PATH = "-c search_path=switchboard,public"

COLUMNS = (
    "id, call_id, account_id, caller_number, caller_name, caller_ip, callee_number, callee_name, invite_time, "
    "ring_time, answer_time, end_time, duration_seconds, ring_duration_seconds, disposition, hangup_cause, hangup_by, "
    "sip_status, rtp_packets_sent, rtp_packets_recv, rtp_packets_lost, rtp_jitter_ms, mos_score, codec, route_id, "
    "signaling_server, rtp_manager, metadata"
)
OUTCOMES = (
    (70.0, "ANSWERED", "normal", "caller", 200),
    (0.5, "ANSWERED", "transfer", "system", 200),
    (0.1, "ANSWERED", "media_error", "system", 200),
    (10.0, "NO_ANSWER", "no_answer", "system", 480),
    (5.0, "BUSY", "busy", "callee", 486),
    (5.0, "CANCELED", "canceled", "caller", 487),
    (5.0, "FAILED", "unavailable", "system", 480),
    (4.0, "FAILED", "rejected", "callee", 603),
    (0.4, "FAILED", "error", "system", 500),
)
NULL = r"\N"
RETIRED_NODE = "sip-0"
"""Took the calls of the first half year with `sip-1`; none since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """All of a call but its identity, its time and its node, as columns of COPY's text form."""

    parties: str
    wait_s: tuple[float | None, float | None]
    talk_s: float
    rest: str


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """Give the URL of an empty database: on a server that is started for it, or the given one, left as it is.

    Raises:
        MissingProgram: PostgreSQL is not installed.
    """
    if url is not None:
        yield url
        return
    binaries = find_binaries()
    if binaries is None:
        raise MissingProgram("PostgreSQL is not installed (Debian: postgresql)")
    postgres = PostgresServer(binaries)
    try:
        postgres.create()
        yield postgres.url()
    finally:
        postgres.remove()


def fill(url: str, rows: int) -> float:
    """Load `rows` calls into the migrated, empty table of a database; return the seconds that it took."""
    started = time.perf_counter()
    with psycopg.connect(url, autocommit=True, options=SEARCH_PATH) as connection:
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'cdrs' "
            "AND NOT indexdef LIKE '%UNIQUE%'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        with connection.cursor() as cursor, cursor.copy(f"COPY cdrs ({COLUMNS}) FROM STDIN") as copy:
            for batch in batches(rows):
                copy.write(batch)
        connection.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM ANALYZE cdrs")
    return time.perf_counter() - started


def account_id(number: int) -> str:
    """Return a tenant's id; the lower the number, the more calls it has."""
    return str(uuid.UUID(int=(0xACC << 100) + number))


def batches(rows: int) -> Iterator[bytes]:
    """Give the rows in the order of their time, in COPY's text form."""
    chance = random.Random(7)
    templates = [_template(chance) for _ in range(TEMPLATES)]
    step_s = DAYS * 86400 / rows
    for start in range(0, rows, BATCH):
        lines = [_line(chance, templates, n, n * step_s) for n in range(start, min(start + BATCH, rows))]
        yield "".join(lines).encode()


def _line(chance: random.Random, templates: list[Template], number: int, offset_s: float) -> str:
    template = templates[int(chance.random() * TEMPLATES)]
    invited = FIRST_CALL + timedelta(seconds=offset_s)
    rang_s, answered_s = template.wait_s
    rang = NULL if rang_s is None else str(invited + timedelta(seconds=rang_s))
    answered = NULL if answered_s is None else str(invited + timedelta(seconds=answered_s))
    ended = invited + timedelta(seconds=(answered_s or 12.0) + template.talk_s)
    first_half = offset_s < DAYS * 43200
    node = RETIRED_NODE if first_half and number % 2 else f"sip-{1 + number % 3 % (1 if first_half else 3)}"
    milliseconds = int(invited.timestamp() * 1000)
    call = f"{milliseconds:012x}{0x7000 + number % 4096:04x}8000{number:012x}"
    return (
        f"{call}\t{call}@192.0.2.{number % 250}\t{template.parties}\t{invited}\t{rang}\t{answered}\t{ended}"
        f"\t{template.rest}\t{node}\trtp-{number % 4}\t{{}}\n"
    )


def _template(chance: random.Random) -> Template:
    weights = list(accumulate(1 / (rank + 1) for rank in range(ACCOUNTS)))
    account = chance.choices(range(ACCOUNTS), cum_weights=weights)[0]
    _, disposition, cause, by, status = chance.choices(OUTCOMES, [outcome[0] for outcome in OUTCOMES])[0]
    talk_s = round(chance.expovariate(1 / 120), 3) if disposition == "ANSWERED" else 0.0
    ring_s = None if cause in ("unavailable", "error") else round(0.2 + chance.random(), 3)
    answer_s = round((ring_s or 0) + chance.expovariate(1 / 6), 3) if disposition == "ANSWERED" else None
    packets = int(talk_s * 50)
    mos = f"{min(4.41, chance.gauss(4.3, 0.25)):.2f}" if packets else NULL
    lost, jitter = (
        (int(packets * chance.random() / 50), f"{chance.expovariate(0.5):.3f}") if packets else (0, NULL)
    )
    figures = f"{status}\t{packets}\t{packets}\t{lost}\t{jitter}\t{mos}\tPCMA"
    rest = f"{talk_s}\t{(answer_s or 12.0) - (ring_s or 0):.3f}\t{disposition}\t{cause}\t{by}\t{figures}"
    return Template(
        parties=_parties(chance, account),
        wait_s=(ring_s, answer_s),
        talk_s=talk_s,
        rest=f"{rest}\troute-{account}-{chance.randrange(5)}",
    )


def _parties(chance: random.Random, account: int) -> str:
    """Return account, caller and callee: extensions of the tenant, every third party a number outside."""
    extension, other = (1000 + chance.randrange(100) for _ in range(2))
    outside = f"+49{chance.randrange(10**8, 10**10)}"
    if chance.random() < 1 / 3:
        caller, callee = (f"{outside}\t", f"{extension}\tPerson {extension}")
    elif chance.random() < 1 / 2:
        caller, callee = (f"{extension}\tPerson {extension}", f"{outside}\t")
    else:
        caller, callee = (f"{extension}\tPerson {extension}", f"{other}\tPerson {other}")
    return f"{account_id(account)}\t{caller}\t192.0.2.{chance.randrange(250)}\t{callee}"
