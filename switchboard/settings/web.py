# SPDX-License-Identifier: Apache-2.0
"""The ui role: where it listens, what it shows, who may log in, and the secrets of all roles."""

from switchboard.addresses import is_url, split_server
from switchboard.env import LOG_LEVELS, BadVariable
from switchboard.settings.base import EVERY_ROLE, RTPMANAGER, SIGNALING, UI, VAR_DIR, env
from switchboard.settings.calls import API_PORT
from switchboard.settings.sip import SIP_TLS_CERT

UI_LOGLEVEL = env.choice("UI_LOGLEVEL", "info", LOG_LEVELS, roles=[UI], help="Log level of the ui role")
UI_PORT = env.port("UI_PORT", 3000, roles=[UI], help="HTTP listen port of the ui role")
UI_BIND = env.address("UI_BIND", "0.0.0.0", roles=[UI], help="Address the ui role binds")  # noqa: S104
PHONE_SERVER = env.text(
    "PHONE_SERVER",
    "",
    roles=[UI],
    help="Where phones register, host or host:port, as the set-up pages tell it; unset: ADVERTISE, else the host "
    "that the page was opened at, and PORT (SIP_TLS_PORT with TLS)",
)
PHONE_TRANSPORT = env.choice(
    "PHONE_TRANSPORT",
    "tls" if SIP_TLS_CERT else "udp",
    ("udp", "tcp", "tls"),
    roles=[UI],
    help="Transport that the set-up pages tell phones to use; unset: tls where SIP_TLS_CERT is set, else udp",
)
try:
    split_server(PHONE_SERVER or "localhost")
except ValueError as _error:
    raise BadVariable("PHONE_SERVER", PHONE_SERVER, "host or host:port") from _error
UI_BACKENDS = env.pairs(
    "UI_BACKENDS",
    f"local=http://127.0.0.1:{API_PORT}",
    roles=[UI],
    help="Signaling nodes that the dashboard shows: name=url,name2=url2; the url is of the node's REST",
)
for _, _url in UI_BACKENDS:
    if not is_url(_url, "http", "https"):
        raise BadVariable(
            "UI_BACKENDS", _url, "name=http://host:port or name=https://host:port, comma-separated"
        )
WEB_MAX_CONNECTIONS = env.integer(
    "WEB_MAX_CONNECTIONS",
    1000,
    minimum=10,
    roles=[SIGNALING, UI],
    help="Most HTTP connections at once, WebSockets apart; beyond, the one that has waited for its request longest is closed",
)
DEBUG = env.boolean("DEBUG", False, roles=[UI], help="Django's debug pages; never in production")
ALLOWED_HOSTS = [
    host
    for host, _ in env.pairs(
        "ALLOWED_HOSTS",
        "*",
        roles=[UI],
        help="Host names that the ui role answers to, comma-separated; to localhost, which probes say, always",
    )
] + ["localhost"]
CSRF_TRUSTED_ORIGINS = [
    origin
    for origin, _ in env.pairs(
        "CSRF_TRUSTED_ORIGINS",
        "",
        roles=[UI],
        help="Origins trusted for forms behind a proxy: https://host,…",
    )
]
LOGIN_FAILURES = env.integer(
    "LOGIN_FAILURES",
    5,
    minimum=1,
    maximum=1000,
    roles=[UI],
    help="Failed logins of one name from one address before it has to wait",
)
LOGIN_LOCKOUT_S = env.seconds(
    "LOGIN_LOCKOUT_S", 900, minimum=1, roles=[UI], help="How long such a login has to wait, in seconds"
)


def _secret_key() -> str:
    """Return SECRET_KEY, or one that is made once and kept in the var directory (mode 600)."""
    from switchboard.secret_key import load_or_create

    given = env.secret(
        "SECRET_KEY", roles=EVERY_ROLE, help="Django's secret key; unset: made once, in VAR_DIR"
    )
    try:
        return given or load_or_create(VAR_DIR / "secret-key")
    except OSError as error:
        raise BadVariable("VAR_DIR", str(VAR_DIR), f"a writable directory ({error.strerror})") from error


SECRET_KEY = _secret_key()


def _internal_token() -> str:
    """Return INTERNAL_API_TOKEN, or one that every role derives alike from the same secret key."""
    from switchboard.secret_key import derive

    given = env.secret(
        "INTERNAL_API_TOKEN",
        roles=[SIGNALING, RTPMANAGER, UI],
        help="What the other roles show to the REST of signaling nodes; unset: derived from SECRET_KEY",
    )
    return given or derive(SECRET_KEY, "internal-api")


INTERNAL_API_TOKEN = _internal_token()
