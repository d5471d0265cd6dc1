# SPDX-License-Identifier: Apache-2.0
"""What the all-in-one command prints: where to point a browser and softphones, with what, and what to dial."""

from __future__ import annotations

from django.conf import settings
from rich import box
from rich.console import Console
from rich.table import Table

from accounts.demo import NOT_KNOWN
from dialplan.demo import Demo, seed_demo
from signaling.transport.addresses import primary_address
from switchboard.addresses import bracketed
from switchboard.readiness import reachable

USUAL_SERVER = "127.0.0.1:5060"
"""Where `testcall` calls unless said."""


def seed() -> Demo:
    """Create what is missing of the demo data and return all of it."""
    return seed_demo(settings.DEFAULT_DOMAIN, settings.VAR_DIR)


def shown_hosts(bind: str) -> list[str]:
    """Return the addresses under which a listener is reached: from this machine first, then from the network."""
    here = reachable(bind)
    if here == bind:
        return [bracketed(bind)]
    outside = settings.ADVERTISE or primary_address()
    return [bracketed(host) for host in dict.fromkeys((here, outside))]


def show(demo: Demo | None, console: Console | None = None) -> None:
    """Print the table; without demo data, only where the roles listen."""
    console = console or Console(highlight=False)
    for table in tables(demo):
        console.print(table)
    console.print(f"Press Ctrl-C to stop. Test it all: [bold]{try_command()}[/bold]")


def try_command() -> str:
    """Return the command that places a call through this server, with its address when it is not the usual one."""
    host = reachable(settings.SIP_BIND)
    server = f"[{host}]:{settings.SIP_PORT}" if ":" in host else f"{host}:{settings.SIP_PORT}"
    return "make testcall" if server == USUAL_SERVER else f'make testcall ARGS="--server {server}"'


def tables(demo: Demo | None) -> list[Table]:
    """Return what `show` prints."""
    web = [f"http://{host}:{settings.UI_PORT}/" for host in shown_hosts(settings.UI_BIND)]
    sip = [f"{host}:{settings.SIP_PORT}" for host in shown_hosts(settings.SIP_BIND)]
    places = Table(title="Switchboard is running", box=box.SIMPLE, title_justify="left", show_header=False)
    places.add_row("Dashboard", "  or  ".join(web))
    if demo is not None:
        password = demo.people.admin_password or NOT_KNOWN
        places.add_row("Login", f"{demo.people.admin_username}   password: {password}")
    places.add_row("SIP server", "  or  ".join(sip) + "   (UDP and TCP)")
    if settings.SIP_TLS_CERT:
        encrypted = [f"{host}:{settings.SIP_TLS_PORT}" for host in shown_hosts(settings.SIP_BIND)]
        places.add_row("SIP server, TLS", "  or  ".join(encrypted))
    places.add_row("SIP domain", settings.DEFAULT_DOMAIN)
    api = [f"http://{host}:{settings.API_PORT}/api/v1/" for host in shown_hosts(settings.API_BIND)]
    places.add_row("Live REST", "  or  ".join(api))
    if demo is None:
        return [places]
    phones = Table(title="Phones", box=box.SIMPLE, title_justify="left")
    for heading in ("User", "Password", "Name"):
        phones.add_column(heading)
    for user in demo.people.users:
        phones.add_row(user.username, user.password or NOT_KNOWN, user.name)
    numbers = Table(title="Dial", box=box.SIMPLE, title_justify="left")
    for heading in ("Number", "What answers"):
        numbers.add_column(heading)
    for route in demo.routes:
        numbers.add_row(route.pattern, route.name)
    return [places, phones, numbers]
