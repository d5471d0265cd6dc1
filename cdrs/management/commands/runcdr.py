# SPDX-License-Identifier: Apache-2.0
"""``manage.py runcdr``: stores the call records of the stream in the database."""

import argparse
import asyncio
import signal
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cdrs.consumer import Consumer, ConsumerOptions
from cdrs.dead_letters import DeadLetters
from cdrs.writer import DatabaseSink
from switchboard import env, logs
from switchboard.metrics.server import CannotServe, serve_metrics

log = structlog.get_logger("switchboard.cdrs")


class Command(BaseCommand):
    """Carry records until SIGTERM or SIGINT."""

    help = "Store the call records that signaling nodes publish to NATS (NATS_URL) in the database."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="most records in one transaction (500)")
        parser.add_argument("--until-empty", action="store_true", help="end when nothing more comes")
        env.add_flags(parser, settings.ENV, settings.CDR_CONSUMER)

    def handle(self, *args: Any, **options: Any) -> None:
        logs.configure(settings.LOGLEVEL, settings.LOG_FORMAT)
        if not settings.NATS_URL:
            raise CommandError("NATS_URL is not set: signaling nodes write their records into the database")
        if not 1 <= options["batch"] <= 10_000:
            raise CommandError("--batch is a number from 1 to 10000")
        wanted = ConsumerOptions(batch_size=options["batch"], until_empty=options["until_empty"])
        try:
            asyncio.run(consume(wanted))
        except CannotServe as error:
            raise CommandError(str(error)) from error


async def consume(options: ConsumerOptions) -> None:
    """Run the consumer until a signal asks it to stop.

    Raises:
        CannotServe: the port for metrics and health cannot be had.
    """
    directory = settings.VAR_DIR / "cdr-consumer"
    directory.mkdir(parents=True, exist_ok=True)
    consumer = Consumer(
        settings.NATS_URL, DatabaseSink(), DeadLetters(directory / "dead-letters.jsonl"), options
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, consumer.stop)
    shown = await serve_metrics(
        consumer.read,
        settings.METRICS_BIND,
        settings.CDR_METRICS_PORT,
        "CDR_METRICS_PORT",
        lambda: consumer.problems,
    )
    log.info("CDR consumer ready")
    await consumer.run()
    await shown.stop()
    log.info("CDR consumer stops", stored=consumer.stored, rejected=consumer.rejected)
