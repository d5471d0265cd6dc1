# SPDX-License-Identifier: Apache-2.0
"""The memory of the roles with calls up, against the limits of the deployment: ``python -m bench.memory``.

With PostgreSQL, Redis and NATS, as deployed. SIPp holds the calls, with RTP in both directions; meanwhile the ui is asked for
its pages, takes uploads, logs people in and feeds open dashboards. A role's memory is that of all its processes: what
each holds alone, and what they share, once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import SCENARIOS
from bench.open_pages import Dashboards
from bench.pages import PAGES, Person
from bench.processes import program, stop, wait_until
from bench.report import Report
from bench.signalling import CALLEE, CALLER, CDR_TIMEOUT_S, Switchboard
from tests.deploy import dockerfile
from tests.deploy.manifests import Manifests, render
from tests.deploy.memory import memory_mib, written_mib
from tests.distributed import Distributed, services
from tests.ports import wait_until_bound
from tests.stack import DOMAIN, ROOT, make_template, password
from tests.test_prompts import Api, stereo_tone
from tests.webui import PASSWORD, create_admin, url_of

ROLES = ("signaling", "rtpmanager", "ui", "cdrs", "worker")
ENV = {
    "MAX_CALLS_PER_USER": "0",
    "LOGLEVEL": "warn",
    "SIP_T1_S": "0.5",
    "UI_BIND": "127.0.0.1",
    "UI_RUNS_JOBS": "false",
}
START_TIMEOUT_S = 60.0
SAMPLE_S = 0.1
DASHBOARDS = 10
PROMPT_S = 50.0
CALLS_PER_SECOND = 20
FIRST_TONE_PORT = 40000
ULAW_TONE = bytes([0xFF, 0x80] * 4000)
"""A second of the loudest tone that G.711 knows."""


@dataclass(slots=True)
class Memory:
    """What was seen of one role, in MiB."""

    idle: float = 0.0
    highest: float = 0.0
    written: float = 0.0
    """Of it, the highest that the kernel cannot take back from a container that comes to its limit."""


@contextmanager
def running() -> Iterator[tuple[Switchboard, dict[str, int]]]:
    """Start all roles; give the two that make calls, and the process id of each."""
    with (
        tempfile.TemporaryDirectory(prefix="switchboard-bench-") as name,
        services() as (postgres, redis, nats),
    ):
        directory = Path(name)
        template = make_template(directory / "template")
        stack = Distributed(directory / "stack", template, postgres=postgres, redis=redis, nats=nats, env=ENV)
        started: list[subprocess.Popen[bytes]] = []
        try:
            stack.prepare()
            stack.start("rtp-1")
            stack.run("runcdr")
            place = Switchboard(stack, directory)
            python = str(image_python(directory))
            for command in ("runui", "runjobs"):
                with (directory / f"{command}.log").open("wb") as log:
                    started.append(
                        subprocess.Popen(
                            [python, "manage.py", command],
                            cwd=ROOT,
                            env={**stack.environment(), **deployed_settings()},
                            stdout=log,
                            stderr=log,
                        )
                    )
            ui, worker = (process.pid for process in started)
            wait_until(lambda: Person(url_of(stack)).get("/health") == 200, START_TIMEOUT_S, "the ui")
            yield (
                place,
                {
                    "signaling": stack.pid("runsip"),
                    "rtpmanager": stack.pid("rtp-1"),
                    "ui": ui,
                    "cdrs": stack.pid("runcdr"),
                    "worker": worker,
                },
            )
        finally:
            for process in started:
                stop(process)
            stack.stop()


def deployed_settings() -> dict[str, str]:
    """Return what image and manifest of the ui say that bears upon memory."""
    allocator = {
        name: value for name, value in dockerfile.read("ui").env.items() if name.startswith("MALLOC_")
    }
    (pod,) = Manifests(render()).pods("ui")
    pool = {each["name"]: each["value"] for each in pod.container["env"] if each["name"] == "DATABASE_POOL"}
    return allocator | pool


def image_python(directory: Path) -> Path:
    """Return the Python of a virtual environment with the packages that the image holds, and no others.

    What only tests and linters need is imported by some libraries just because it is there.
    """
    uv = [sys.executable, "-m", "uv"]
    python = directory / "venv" / "bin" / "python"
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(directory / "venv")], check=True)
    install = [
        *uv,
        "pip",
        "install",
        "--quiet",
        # As pip does it in an image: compiling at the start takes 20 MiB.
        "--compile-bytecode",
        "--python",
        str(python),
        "-r",
        str(ROOT / "requirements.txt"),
    ]
    subprocess.run(install, check=True)
    return python


def write_scenario(directory: Path) -> Path:
    """Write the benchmark's call with a tone, and a pause before it is hung up."""
    (directory / "tone.ulaw").write_bytes(ULAW_TONE)
    text = (SCENARIOS / "uac-authenticated.xml").read_text().replace("[media_port]", "[rtpstream_audio_port]")
    before, _, bye = text.rpartition('  <send retrans="500">')
    tone = '  <nop><action><exec rtp_stream="tone.ulaw,-1,0"/></action></nop>\n  <pause/>\n'
    path = directory / "uac-holds.xml"
    path.write_text(f'{before}{tone}  <send retrans="500">{bye}')
    return path


@contextmanager
def calls(place: Switchboard, count: int, hold_s: float) -> Iterator[None]:
    """Hold ``count`` calls in which SIPp sends a tone and the called SIPp sends it back."""
    sipp, directory = program("sipp", "Debian: sip-tester"), place.directory
    common = ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin", "-skip_rlimit"]
    port, own = place.answerer_port, place.port
    answerer = [sipp, "-sn", "uas", "-p", str(port), "-mp", str(port + 2), "-cp", str(port + 8)]
    caller = [sipp, "-sf", str(write_scenario(directory)), "-s", CALLEE, "-au", CALLER]
    caller += ["-ap", password(CALLER), "-p", str(own), "-cp", str(own + 8)]
    caller += ["-mp", str(FIRST_TONE_PORT), "-r", str(CALLS_PER_SECOND)]
    caller += ["-l", str(count), "-m", str(count), "-d", str(int(hold_s * 1000))]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in (
            [*answerer, *common, "-rtp_echo"],
            [*caller, *common, "{}:{}".format(*place.stack.address)],
        ):
            quiet = subprocess.DEVNULL
            started.append(subprocess.Popen(command, cwd=directory, stdout=quiet, stderr=quiet))
            wait_until_bound(port)
        yield
        started[-1].wait(START_TIMEOUT_S)
    finally:
        for process in started:
            stop(process)


def measure(report: Report, *, count: int, hold_s: float) -> bool:
    """Measure, add the table, and tell whether all roles fit."""
    with running() as (place, pids):
        create_admin(place.stack)
        memory = {role: Memory(idle=memory_mib(pid)) for role, pid in pids.items()}
        with sampling(memory, pids), calls(place, count, hold_s):
            statuses, uploads = visit(place, time.monotonic() + count / CALLS_PER_SECOND + hold_s)
        wait_until(lambda: place.cdr_count() >= count, CDR_TIMEOUT_S, "the CDRs")
        (row,) = place.stack.rows("SELECT count(*) AS n, min(rtp_packets_recv) AS fewest FROM cdrs")
    manifests = Manifests(render())
    limits = {role: manifests.pods(role)[0].container["resources"]["limits"]["memory"] for role in ROLES}
    report.table(
        f"Memory with {count} calls, MiB (all processes of a role)",
        ["role", "before", "highest", "of it written", "limit"],
        [
            [
                role,
                f"{found.idle:.0f}",
                f"{found.highest:.0f}",
                f"{found.written:.0f}",
                limits[role].removesuffix("Mi"),
            ]
            for role, found in memory.items()
        ],
    )
    report.notes.append(
        f"PostgreSQL, Redis and NATS; {len(PAGES)} pages of the dashboard and REST again and again, statuses "
        f"{sorted(statuses)}; {DASHBOARDS} open dashboards; logins; {uploads} uploads of prompts of 8 MiB."
    )
    report.notes.append(
        f"{row['n']} calls; each sent at least {row['fewest']} packets of RTP through the relay."
    )
    return all(found.highest < int(limits[role].removesuffix("Mi")) for role, found in memory.items())


def visit(place: Switchboard, until: float) -> tuple[set[int], int]:
    """Use the ui in all ways until then; return the statuses of pages and how many prompts were uploaded."""
    person = Person(url_of(place.stack))
    person.log_in("admin", PASSWORD)
    api = Api(place.stack)
    account, sound = api.account(DOMAIN), stereo_tone(440.0, PROMPT_S)
    statuses: set[int] = set()
    uploads = 0
    with Dashboards(place.stack.ports.ui, person.cookies, DASHBOARDS):
        while time.monotonic() < until:
            statuses |= {person.get(page) for page in PAGES}
            api.upload(f"prompt-{uploads}", account, sound)
            uploads += 1
            Person(url_of(place.stack)).log_in("admin", PASSWORD)
    return statuses, uploads


@contextmanager
def sampling(memory: dict[str, Memory], pids: dict[str, int]) -> Iterator[None]:
    """Read the memory of every role again and again meanwhile."""
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            for role, pid in pids.items():
                memory[role].highest = max(memory[role].highest, memory_mib(pid))
                memory[role].written = max(memory[role].written, written_mib(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    """Measure, print, and save when asked; exit 1 when a role does not fit its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--hold-s", type=float, default=20.0, help="how long each call lasts")
    parser.add_argument("--save", action="store_true", help="write the figures into bench/README.md")
    options = parser.parse_args()
    report = Report("memory", "python -m bench.memory")
    fits = measure(report, count=options.calls, hold_s=options.hold_s)
    report.print()
    if options.save:
        report.save()
    sys.exit(0 if fits else 1)


if __name__ == "__main__":
    main()
