# SPDX-License-Identifier: Apache-2.0
"""Log lines of every process: structured, one event per line, for people or for machines."""

import logging
import sys
from typing import Any

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}

QUIET_LOGGERS = ("asyncio", "django.db.backends", "daphne", "urllib3")
"""Libraries whose informational lines help nobody who runs this."""
SILENT_LOGGERS = ("axes", "psycopg")
"""Libraries that warn at every attempt of what is told better elsewhere: failed logins stand in the admin, and a database
that is away is logged once by whoever uses it."""


FAILED = 500
"""The HTTP status of a request that failed here."""


def configure(level: str, form: str) -> None:
    """Send all log lines to standard error.

    Args:
        level: a key of `LEVELS`.
        form: ``console`` for people, ``json`` for machines.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=logger_from(LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))
    for name in SILENT_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)


def logger_from(level: int) -> type[structlog.stdlib.BoundLogger]:
    """Return the class of loggers that do nothing at all with lines below a level.

    structlog alone finds out for each of them, after it has put the line together: tens of microseconds a call.
    """
    if level == logging.DEBUG:
        return structlog.stdlib.BoundLogger
    below = [name for name in ("debug", "info", "warning", "error") if getattr(logging, name.upper()) < level]
    return type("BoundLogger", (structlog.stdlib.BoundLogger,), dict.fromkeys(below, _write_nothing))


def _write_nothing(_logger: object, _event: str | None = None, *_args: Any, **_facts: Any) -> None:
    """Take the place of a method of a logger whose lines nobody wants."""


def quiet_refusals() -> None:
    """Have web requests logged that failed here, not those that were refused: a refusal is an answer.

    A probe of a node that is unwell asks for the same 503 every few seconds, and says so itself.
    """
    logger = logging.getLogger("django.request")
    logger.removeFilter(_is_failure)
    logger.addFilter(_is_failure)


def _is_failure(record: logging.LogRecord) -> bool:
    return getattr(record, "status_code", FAILED) == FAILED
