# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL by DATABASE_URL, or an SQLite file."""

import sys

import environ

from switchboard.env import BadVariable
from switchboard.settings.base import EVERY_ROLE, SIGNALING, UI, VAR_DIR, env

DATABASE_URL = env.secret(
    "DATABASE_URL",
    address=True,
    roles=EVERY_ROLE,
    help="postgres://user:password@host:5432/switchboard; unset: an SQLite file in VAR_DIR",
)
DATABASE_SCHEMA = "switchboard"
DATABASE_TIMEOUT_S = env.seconds(
    "DATABASE_TIMEOUT_S",
    10,
    minimum=1,
    maximum=600,
    roles=EVERY_ROLE,
    help="PostgreSQL that leaves a question unanswered for so long is given up, and asked over a new connection, "
    "in seconds; commands that serve nothing wait as long as it takes",
)
DATABASE_POOL = env.integer(
    "DATABASE_POOL",
    10,
    minimum=1,
    maximum=1000,
    roles=[SIGNALING, UI],
    help="Most connections to PostgreSQL that the web processes hold, each",
)
SERVING_COMMANDS = frozenset({"runsip", "runapi", "runrtp", "runui", "runcdr"})
POOLING_COMMANDS = frozenset({"runapi", "runui"})
POOL_WAIT_S = 3.0
"""How long a page waits for a connection when all are in use, or none can be had."""
POOL_RETRY_S = 2.0
"""How long the pool tries again by itself, at longer and longer intervals; after that, each page that comes has it try."""


def _database() -> dict[str, object]:
    if not DATABASE_URL:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR_DIR / "switchboard.sqlite3",
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
            "TEST": {"NAME": None},
        }
    try:
        database = dict(environ.Env.db_url_config(DATABASE_URL))
    except (ValueError, KeyError, environ.ImproperlyConfigured) as error:
        raise BadVariable("DATABASE_URL", "…", "postgres://user:password@host:port/name") from error
    if "postgresql" not in str(database.get("ENGINE")):
        raise BadVariable("DATABASE_URL", "…", "a postgres:// URL")
    options = database.setdefault("OPTIONS", {})
    server_options = ""
    options.setdefault("connect_timeout", int(min(5, max(2, DATABASE_TIMEOUT_S))))
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in SERVING_COMMANDS:
        # The server gives up first, if it can: then the connection stays.
        server_options = f"-c statement_timeout={int(900 * DATABASE_TIMEOUT_S)}"
        options.setdefault("answer_timeout", DATABASE_TIMEOUT_S)
    if command in POOLING_COMMANDS:
        pool = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": POOL_WAIT_S}
        options.setdefault("pool", pool | {"reconnect_timeout": POOL_RETRY_S})
    # What the URL asks of the server holds, but for where the tables are.
    asked = (server_options, options.get("options", ""), f"-c search_path={DATABASE_SCHEMA},public")
    options["options"] = " ".join(filter(None, asked))
    database["ENGINE"] = "switchboard.postgres"
    database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
