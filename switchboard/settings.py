# SPDX-License-Identifier: Apache-2.0
"""Django's settings: every variable of the environment is declared here, once, with its default and meaning.

The processes build frozen configuration objects from these settings at their start; nothing below a command reads
the environment or `django.conf` on its own.
"""

import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ

from switchboard import plain_http, published_secrets
from switchboard.addresses import split_server
from switchboard.env import LOG_LEVELS, BadVariable, Registry
from switchboard.jobs.schedule import Daily, Every

plain_http.leave_out_the_unused(sys.argv)

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = env = Registry()
HOSTNAME = socket.gethostname()

SIGNALING, RTPMANAGER, UI, CDR_CONSUMER = "signaling", "rtpmanager", "ui", "cdr"
EVERY_ROLE = (SIGNALING, RTPMANAGER, UI, CDR_CONSUMER)

# --- Files and logs ---------------------------------------------------------------------------------------------

VAR_DIR = env.path(
    "VAR_DIR",
    BASE_DIR / "var",
    roles=EVERY_ROLE,
    help="Directory of everything that is written: SQLite file, CDR journal, uploads",
)
LOGLEVEL = env.choice(
    "LOGLEVEL",
    "info",
    LOG_LEVELS,
    roles=(SIGNALING, RTPMANAGER, CDR_CONSUMER),
    help="Log level (debug, info, warn, error)",
)
LOG_FORMAT = env.choice(
    "LOG_FORMAT", "console", ("console", "json"), roles=EVERY_ROLE, help="Form of the log lines"
)

# --- SIP ----------------------------------------------------------------------------------------------------------

SIP_PORT = env.port("PORT", 5060, roles=[SIGNALING], help="SIP listen port, UDP and TCP")
SIP_BIND = env.address("BIND", "0.0.0.0", roles=[SIGNALING], help="Address the SIP listener binds")  # noqa: S104
ADVERTISE = env.address(
    "ADVERTISE",
    "",
    roles=[SIGNALING, RTPMANAGER],
    help="Address put into Via, Contact and SDP when it differs from the bound one (NAT); "
    "unset: the loopback address towards loopback peers, the primary interface's towards all others",
)
DEFAULT_DOMAIN = env.text(
    "DEFAULT_DOMAIN",
    "switchboard.local",
    roles=[SIGNALING],
    help="Domain of the account that serves requests whose domain belongs to no account",
)
SIP_MAX_MESSAGE_BYTES = env.integer(
    "SIP_MAX_MESSAGE_BYTES",
    65535,
    minimum=1024,
    maximum=1 << 20,
    roles=[SIGNALING],
    help="Largest SIP message accepted, in bytes",
)
SIP_MAX_HEADERS = env.integer(
    "SIP_MAX_HEADERS", 128, minimum=16, maximum=4096, roles=[SIGNALING], help="Most header lines in a message"
)
SIP_TCP_IDLE_S = env.seconds(
    "SIP_TCP_IDLE_S",
    300,
    minimum=1,
    roles=[SIGNALING],
    help="A TCP connection without a whole message for this long is closed, in seconds",
)
SIP_TCP_FIRST_MESSAGE_S = env.seconds(
    "SIP_TCP_FIRST_MESSAGE_S",
    10,
    minimum=0.1,
    roles=[SIGNALING],
    help="A new TCP connection must deliver its first whole message within this time, in seconds",
)
SIP_TCP_MAX_CONNECTIONS = env.integer(
    "SIP_TCP_MAX_CONNECTIONS", 10000, minimum=1, roles=[SIGNALING], help="Most TCP connections at once"
)
SIP_TCP_MAX_PER_SOURCE = env.integer(
    "SIP_TCP_MAX_PER_SOURCE",
    1000,
    minimum=1,
    roles=[SIGNALING],
    help="Most TCP connections at once from one address",
)
SIP_TCP_WRITE_BUFFER_BYTES = env.integer(
    "SIP_TCP_WRITE_BUFFER_BYTES",
    256 * 1024,
    minimum=1024,
    roles=[SIGNALING],
    help="A TCP peer that leaves more than this unread is disconnected, in bytes",
)
SIP_TCP_CONNECT_TIMEOUT_S = env.seconds(
    "SIP_TCP_CONNECT_TIMEOUT_S",
    5,
    minimum=0.1,
    roles=[SIGNALING],
    help="Longest time to open a TCP connection, in seconds",
)
SIP_UDP_RECEIVE_BUFFER_BYTES = env.integer(
    "SIP_UDP_RECEIVE_BUFFER_BYTES",
    4 << 20,
    minimum=65536,
    roles=[SIGNALING],
    help="Receive buffer asked of the kernel, in bytes; net.core.rmem_max bounds what it grants",
)
DNS_TIMEOUT_S = env.seconds(
    "DNS_TIMEOUT_S", 3, minimum=0.1, roles=[SIGNALING], help="Longest time for one DNS answer, in seconds"
)
SIP_T1_S = env.seconds(
    "SIP_T1_S", 0.5, minimum=0.01, maximum=10, roles=[SIGNALING], help="Timer T1 of RFC 3261, in seconds"
)
SIP_MAX_TRANSACTIONS = env.integer(
    "SIP_MAX_TRANSACTIONS", 50000, minimum=10, roles=[SIGNALING], help="Most server transactions at once"
)
SIP_MAX_TRANSACTIONS_PER_SOURCE = env.integer(
    "SIP_MAX_TRANSACTIONS_PER_SOURCE",
    20000,
    minimum=10,
    roles=[SIGNALING],
    help="Most server transactions at once from one address",
)

# --- Registrar and authentication -----------------------------------------------------------------------------------

REGISTRATION_MIN_S = env.integer(
    "REGISTRATION_MIN_S",
    60,
    minimum=1,
    roles=[SIGNALING],
    help="Shortest registration, in seconds (below: 423)",
)
REGISTRATION_DEFAULT_S = env.integer(
    "REGISTRATION_DEFAULT_S",
    3600,
    minimum=1,
    roles=[SIGNALING],
    help="Registration time when the phone asks for none, in seconds",
)
REGISTRATION_MAX_S = env.integer(
    "REGISTRATION_MAX_S", 3600, minimum=1, roles=[SIGNALING], help="Longest registration granted, in seconds"
)
MAX_BINDINGS_PER_AOR = env.integer(
    "MAX_BINDINGS_PER_AOR", 10, minimum=1, maximum=100, roles=[SIGNALING], help="Most bindings of one AOR"
)
DIGEST_ALGORITHMS = env.choice(
    "DIGEST_ALGORITHMS",
    "md5,sha-256",
    ("md5,sha-256", "sha-256,md5", "md5", "sha-256"),
    roles=[SIGNALING],
    help="Digest algorithms offered, in this order",
)
MD5_ONLY_AGENTS = env.pairs(
    "MD5_ONLY_AGENTS",
    "baresip v0,baresip v1",
    roles=[SIGNALING],
    help="Beginnings of the User-Agent of old phones that give up when SHA-256 is offered beside MD5",
)
NONCE_LIFETIME_S = env.seconds(
    "NONCE_LIFETIME_S", 300, minimum=1, roles=[SIGNALING], help="Life of a digest nonce, in seconds"
)
AUTH_FAILURES_PER_MINUTE = env.integer(
    "AUTH_FAILURES_PER_MINUTE",
    30,
    minimum=1,
    roles=[SIGNALING],
    help="Failed authentications a minute from one address before it is refused with 403 without a check",
)
PASSWORD_GUESSES_PER_DAY = env.integer(
    "PASSWORD_GUESSES_PER_DAY",
    1000,
    minimum=1,
    roles=[SIGNALING],
    help="Wrong passwords a day for one user, from addresses it is not registered from, before those are refused",
)
REQUESTS_PER_SECOND_PER_SOURCE = env.integer(
    "REQUESTS_PER_SECOND_PER_SOURCE",
    5000,
    minimum=1,
    roles=[SIGNALING],
    help="New SIP requests a second served for one address; more are dropped",
)
REFUSALS_PER_PATH = env.integer(
    "REFUSALS_PER_PATH",
    200,
    minimum=1,
    roles=[SIGNALING],
    help="Challenges left unanswered and requests refused unchecked, at once from one address and port, before all "
    "but a trickle from there is dropped; a tenth of it comes back each second",
)
REFUSALS_PER_ADDRESS = env.integer(
    "REFUSALS_PER_ADDRESS",
    2000,
    minimum=1,
    roles=[SIGNALING],
    help="The same for an address with all its ports; a fortieth of it comes back each second",
)

# --- Calls ----------------------------------------------------------------------------------------------------------

MAX_CALLS = env.integer(
    "MAX_CALLS", 2000, minimum=1, roles=[SIGNALING], help="Most calls at once on this node (beyond: 503)"
)
MAX_CALLS_PER_USER = env.integer(
    "MAX_CALLS_PER_USER",
    10,
    minimum=0,
    roles=[SIGNALING],
    help="Most calls at once of one user that has no limit of its own; 0: unlimited (beyond: 486)",
)
CALLS_PER_SECOND_PER_USER = env.integer(
    "CALLS_PER_SECOND_PER_USER",
    0,
    roles=[SIGNALING],
    help="New calls a second of one user, on all nodes that share a Redis; 0: unlimited (beyond: 503)",
)
CALLS_PER_SECOND_PER_ACCOUNT = env.integer(
    "CALLS_PER_SECOND_PER_ACCOUNT",
    0,
    roles=[SIGNALING],
    help="New calls a second of one account, on all nodes that share a Redis; 0: unlimited (beyond: 503)",
)
MAX_CALL_S = env.seconds(
    "MAX_CALL_S", 14400, minimum=1, roles=[SIGNALING], help="Longest call, in seconds; then it is hung up"
)
MAX_RINGING_S = env.seconds(
    "MAX_RINGING_S", 180, minimum=1, roles=[SIGNALING], help="Longest time before the answer, in seconds"
)
MEDIA_RECOVERY_S = env.seconds(
    "MEDIA_RECOVERY_S",
    10,
    minimum=0.5,
    maximum=120,
    roles=[SIGNALING],
    help="How long an established call whose RTP manager is gone waits for another one, in seconds",
)
CALL_PICKUP_S = env.seconds(
    "CALL_PICKUP_S",
    300,
    roles=[SIGNALING],
    help="How long signaling may have been away for its established calls to go on when it is back, in seconds; "
    "0: they never do",
)
CALLS_ON_STOP = env.choice(
    "CALLS_ON_STOP",
    "hang_up",
    choices=("hang_up", "keep"),
    roles=[SIGNALING],
    help="What becomes of established calls when signaling is asked to stop: `hang_up`, or `keep` for the process "
    "that takes its place within CALL_PICKUP_S",
)
DIALPLAN_PATH = env.path(
    "DIALPLAN_PATH",
    None,
    roles=[SIGNALING],
    help="A dialplan JSON file, imported at start and again whenever it changes",
)
CONFIG_POLL_S = env.seconds(
    "CONFIG_POLL_S",
    0.25,
    minimum=0.05,
    maximum=60,
    roles=[SIGNALING],
    help="How often the node looks for changed accounts, users and routes, in seconds",
)
SIGNALING_NODE_ID = env.text(
    "SIGNALING_NODE_ID",
    HOSTNAME,
    roles=[SIGNALING],
    help="Name of this signaling node in CDRs and events",
)
RTPMANAGER_ADDRS = env.pairs(
    "RTPMANAGER_ADDRS",
    "localhost:9090",
    roles=[SIGNALING],
    help="RTP managers: host:port,host:port or node-id=host:port,…",
)

# --- Live API -------------------------------------------------------------------------------------------------------

API_ENABLED = env.boolean(
    "API_ENABLED", True, roles=[SIGNALING], help="Whether this node serves REST and live events"
)
API_PORT = env.port("API_PORT", 8080, roles=[SIGNALING], help="HTTP listen port of REST and live events")
API_BIND = env.address("API_BIND", "0.0.0.0", roles=[SIGNALING], help="Address that REST binds")  # noqa: S104
LIVE_SOCKET = VAR_DIR / f"live-{API_PORT}.sock"
"""Where the SIP process tells the live API what is going on."""
LIVE_MAX_READERS = env.integer(
    "LIVE_MAX_READERS", 8, minimum=1, roles=[SIGNALING], help="Most readers of the SIP process's feed at once"
)
LIVE_MAX_UNREAD_BYTES = env.integer(
    "LIVE_MAX_UNREAD_BYTES",
    16 * 1024 * 1024,
    minimum=65536,
    roles=[SIGNALING],
    help="A reader of the feed that leaves more bytes than this unread is dropped",
)
EVENTS_KEPT = env.integer(
    "EVENTS_KEPT",
    10000,
    minimum=1,
    roles=[SIGNALING],
    help="Events kept for readers of the event stream that come back",
)
EVENTS_QUEUED = env.integer(
    "EVENTS_QUEUED",
    1000,
    minimum=1,
    roles=[SIGNALING],
    help="A reader of the event stream for whom more events than this are waiting is dropped",
)
MAX_EVENT_STREAMS = env.integer(
    "MAX_EVENT_STREAMS", 200, minimum=1, roles=[SIGNALING], help="Most readers of the event stream at once"
)

# --- Metrics --------------------------------------------------------------------------------------------------------

METRICS_BIND = env.address(
    "METRICS_BIND",
    "127.0.0.1",
    roles=[SIGNALING, RTPMANAGER, CDR_CONSUMER],
    help="Address that the metrics ports bind; what they show is for your monitoring alone",
)
SIP_METRICS_PORT = env.integer(
    "SIP_METRICS_PORT",
    0,
    maximum=65535,
    roles=[SIGNALING],
    help="HTTP port of /metrics of the SIP process, without a token; 0: none",
)
RTP_METRICS_PORT = env.integer(
    "RTP_METRICS_PORT",
    0,
    maximum=65535,
    roles=[RTPMANAGER],
    help="HTTP port of /metrics of the RTP manager, without a token; 0: none",
)

# --- Redis ----------------------------------------------------------------------------------------------------------

REDIS_ADDR = env.host_port(
    "REDIS_ADDR",
    roles=(SIGNALING, UI),
    help="host:port of the Redis that several nodes share: phones, rate limits, cache; unset: each node by itself",
)
REDIS_PASSWORD = env.secret(
    "REDIS_PASSWORD", roles=(SIGNALING, UI), help="What Redis demands; unset: nothing"
)
SIP_NODE_ADDR = env.host_port(
    "SIP_NODE_ADDR",
    numeric=True,
    roles=[SIGNALING],
    help="address:port where other signaling nodes reach SIP on this one; unset: where phones reach it",
)
REDIS_TLS_CA = env.path(
    "REDIS_TLS_CA",
    None,
    roles=(SIGNALING, UI),
    help="PEM file of who signed Redis's certificate: with it TLS is spoken to Redis",
)
CACHE_TIMEOUT_S = 0.5


def _caches() -> dict[str, dict[str, Any]]:
    if REDIS_ADDR is None:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    host, port = REDIS_ADDR
    shown = f"[{host}]" if ":" in host else host
    options: dict[str, Any] = {
        "SOCKET_CONNECT_TIMEOUT": CACHE_TIMEOUT_S,
        "SOCKET_TIMEOUT": CACHE_TIMEOUT_S,
        # What is read from Redis is data, never code.
        "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
        "CONNECTION_POOL_KWARGS": {} if REDIS_TLS_CA is None else {"ssl_ca_certs": str(REDIS_TLS_CA)},
        **({"PASSWORD": REDIS_PASSWORD} if REDIS_PASSWORD else {}),
    }
    return {
        "default": {
            "BACKEND": "switchboard.cache.PatientCache",
            "LOCATION": f"{'redis' if REDIS_TLS_CA is None else 'rediss'}://{shown}:{port}/0",
            "KEY_PREFIX": "django",
            "OPTIONS": options,
        }
    }


CACHES = _caches()

CDR_METRICS_PORT = env.integer(
    "CDR_METRICS_PORT",
    0,
    maximum=65535,
    roles=[CDR_CONSUMER],
    help="HTTP port of /metrics and /health of `manage.py runcdr`, without a token; 0: none",
)

# --- Call records ---------------------------------------------------------------------------------------------------

NATS_URL = env.secret(
    "NATS_URL",
    roles=(SIGNALING, CDR_CONSUMER),
    help="nats://host:4222, several separated by commas: events are published there, and call records go through "
    "JetStream to `manage.py runcdr`, which stores them; unset: the signaling node stores them itself",
)
NATS_EVENTS_WAITING = env.integer(
    "NATS_EVENTS_WAITING",
    10000,
    minimum=1,
    roles=[SIGNALING],
    help="Most events that wait while NATS is away; then the oldest give way, and are counted",
)
CDR_RETENTION_DAYS = env.integer(
    "CDR_RETENTION_DAYS",
    0,
    maximum=36500,
    roles=[UI],
    help="Calls that started more days ago are deleted every night; 0 keeps them for ever",
)

# --- Jobs -----------------------------------------------------------------------------------------------------------

LOGIN_RETENTION_DAYS = env.integer(
    "LOGIN_RETENTION_DAYS",
    90,
    maximum=36500,
    roles=[UI],
    help="Expired and revoked API tokens, and lines of the login log, are deleted after so many days; 0 keeps them",
)
UI_RUNS_JOBS = env.boolean(
    "UI_RUNS_JOBS",
    REDIS_ADDR is None,
    roles=[UI],
    help="Whether the ui role does the periodic jobs; by default when there is no Redis, and so no Celery worker",
)
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sign of life": {"task": "switchboard.heartbeat", "schedule": Every(60)},
    "figures of past days": {"task": "cdrs.roll_up", "schedule": Daily(hour=0, minute=10)},
    "old call records": {"task": "cdrs.prune", "schedule": Daily(hour=1, minute=10)},
    "old logins and tokens": {"task": "accounts.prune", "schedule": Daily(hour=2, minute=10)},
    "uploaded prompts": {"task": "media.convert_prompts", "schedule": Every(2)},
    "sounds that nobody plays": {"task": "media.prune_prompts", "schedule": Daily(hour=3, minute=10)},
    "ended registrations": {"task": "signaling.prune_registrations", "schedule": Daily(hour=2, minute=40)},
}
"""The periodic jobs; `switchboard.jobs` says who does them. Times of day are those of ``TIME_ZONE``."""
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celery-beat")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
# Whatever is heavy runs in processes of its own; threads answer while a job takes long, at the memory of one process.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = 2
CELERY_WORKER_SEND_TASK_EVENTS = False

# --- Media ----------------------------------------------------------------------------------------------------------

GRPC_PORT = env.port("GRPC_PORT", 9090, roles=[RTPMANAGER], help="gRPC listen port")
GRPC_BIND = env.address("GRPC_BIND", "0.0.0.0", roles=[RTPMANAGER], help="Address gRPC binds")  # noqa: S104
GRPC_TOKEN = env.secret(
    "GRPC_TOKEN",
    roles=[SIGNALING, RTPMANAGER],
    help="Token that an RTP manager demands and signaling shows; unset: none",
)
GRPC_TLS_CERT = env.path(
    "GRPC_TLS_CERT",
    None,
    roles=[SIGNALING, RTPMANAGER],
    help="PEM file of the own certificate: with it an RTP manager serves TLS alone",
)
GRPC_TLS_KEY = env.path(
    "GRPC_TLS_KEY", None, roles=[SIGNALING, RTPMANAGER], help="PEM file of the certificate's private key"
)
GRPC_TLS_CA = env.path(
    "GRPC_TLS_CA",
    None,
    roles=[SIGNALING, RTPMANAGER],
    help="PEM file of who signs the other side's certificate: signaling then speaks TLS, "
    "an RTP manager then demands client certificates",
)
if (GRPC_TLS_CERT is None) != (GRPC_TLS_KEY is None):
    raise BadVariable("GRPC_TLS_CERT", str(GRPC_TLS_CERT or ""), "both or neither of it and GRPC_TLS_KEY")
RTP_BIND = env.address("RTP_BIND", "0.0.0.0", roles=[RTPMANAGER], help="Address the RTP sockets bind")  # noqa: S104
RTP_PORT_MIN = env.port("RTP_PORT_MIN", 10000, roles=[RTPMANAGER], help="First port for RTP and RTCP")
RTP_PORT_MAX = env.port(
    "RTP_PORT_MAX", 10100, roles=[RTPMANAGER], help="Last port for RTP and RTCP, included"
)
if RTP_PORT_MAX <= RTP_PORT_MIN:
    raise BadVariable("RTP_PORT_MAX", str(RTP_PORT_MAX), f"a port above RTP_PORT_MIN ({RTP_PORT_MIN})")
RTP_THREADS = env.integer(
    "RTP_THREADS", 1, minimum=1, maximum=64, roles=[RTPMANAGER], help="Threads that move RTP"
)
RTP_INACTIVITY_S = env.seconds(
    "RTP_INACTIVITY_S",
    30,
    minimum=0.5,
    roles=[RTPMANAGER],
    help="A party without RTP, and without the RTCP reports of a phone that only listens, for this long ends its call, in seconds",
)
AUDIO_PATH = env.path(
    "AUDIO_PATH",
    BASE_DIR / "media" / "audio",
    roles=[RTPMANAGER],
    help="Directory of WAV files that routes may play, beside uploaded prompts",
)
AUDIO_FILES_ELSEWHERE = env.boolean(
    "AUDIO_FILES_ELSEWHERE",
    False,
    roles=[SIGNALING, UI],
    help="Whether the RTP managers have WAV files of their own in AUDIO_PATH that this host has not: routes may then "
    "name any .wav file; otherwise a route is refused that names one which is not there",
)
PROMPT_MAX_BYTES = env.integer(
    "PROMPT_MAX_BYTES",
    10 * 1024 * 1024,
    minimum=1024,
    maximum=1 << 30,
    roles=[UI],
    help="Largest sound file that is accepted as a prompt, in bytes",
)
PROMPT_MAX_S = env.seconds(
    "PROMPT_MAX_S", 600, minimum=1, maximum=900, roles=[UI], help="Longest prompt, in seconds"
)
RTP_NODE_ID = env.text("RTP_NODE_ID", HOSTNAME, roles=[RTPMANAGER], help="Name of this RTP manager")
SIGNALING_API_URL = tuple(
    url.rstrip("/")
    for url, _ in env.pairs(
        "SIGNALING_API_URL",
        "",
        roles=[RTPMANAGER],
        help="REST of the signaling nodes that an RTP manager asks to take its calls away before it stops: "
        "http://host:port,…; unset: it waits for its calls to end",
    )
)
for _url in SIGNALING_API_URL:
    if not _url.startswith(("http://", "https://")):
        raise BadVariable("SIGNALING_API_URL", _url, "http://host:port or https://host:port, comma-separated")
SIGNALING_API_TOKEN = env.secret(
    "SIGNALING_API_TOKEN",
    roles=[RTPMANAGER],
    help="API token that it shows there, of a platform administrator; unset: INTERNAL_API_TOKEN",
)
DRAIN_GRACE_S = env.seconds(
    "DRAIN_GRACE_S",
    25,
    maximum=86400,
    roles=[RTPMANAGER],
    help="Longest time that an RTP manager waits for its calls to be taken away or to end after SIGTERM, in seconds",
)

# --- Web ------------------------------------------------------------------------------------------------------------

UI_LOGLEVEL = env.choice("UI_LOGLEVEL", "info", LOG_LEVELS, roles=[UI], help="Log level of the ui role")
UI_PORT = env.port("UI_PORT", 3000, roles=[UI], help="HTTP listen port of the ui role")
UI_BIND = env.address("UI_BIND", "0.0.0.0", roles=[UI], help="Address the ui role binds")  # noqa: S104
PHONE_SERVER = env.text(
    "PHONE_SERVER",
    "",
    roles=[UI],
    help="Where phones register, host or host:port, as the set-up pages tell it; unset: ADVERTISE, else the host "
    "that the page was opened at, and PORT",
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
    if not _url.startswith(("http://", "https://")):
        raise BadVariable(
            "UI_BACKENDS", _url, "name=http://host:port or name=https://host:port, comma-separated"
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

# --- Database ---------------------------------------------------------------------------------------------------------

DATABASE_URL = env.secret(
    "DATABASE_URL",
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
    server_options = f"-c search_path={DATABASE_SCHEMA},public"
    options.setdefault("connect_timeout", int(min(5, max(2, DATABASE_TIMEOUT_S))))
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in SERVING_COMMANDS:
        # The server gives up first, if it can: then the connection stays.
        server_options += f" -c statement_timeout={int(900 * DATABASE_TIMEOUT_S)}"
        options.setdefault("answer_timeout", DATABASE_TIMEOUT_S)
    if command in POOLING_COMMANDS:
        options.setdefault("pool", {"min_size": 1, "max_size": DATABASE_POOL, "timeout": POOL_WAIT_S})
    options.setdefault("options", server_options)
    database["ENGINE"] = "switchboard.postgres"
    database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Django -----------------------------------------------------------------------------------------------------------

PAGELESS_COMMANDS = frozenset({"runsip", "runrtp"})
"""Roles that serve no pages: without the apps of the pages they start in half the time, in less memory."""
PAGE_APPS = [
    "daphne",
    "unfold",
    "unfold.contrib.simple_history",
    "simple_history",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
INSTALLED_APPS = [
    *([] if sys.argv[1:2] and sys.argv[1] in PAGELESS_COMMANDS else PAGE_APPS),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "switchboard",
    "accounts",
    "dialplan",
    "cdrs",
    "media",
    "signaling",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = (
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
)
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(seconds=LOGIN_LOCKOUT_S)
# The pair, so that nobody locks out an admin from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "accounts.lockout.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
ROOT_URLCONF = "switchboard.urls"
ASGI_APPLICATION = "switchboard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "switchboard.formats"
CELERY_TIMEZONE = TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = True
LOGGING_CONFIG = None
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
SESSION_COOKIE_NAME = "switchboard_session"
# A message may hold a new SIP password: it lives in the reader's cookie until it is shown, never in the database.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": (
        "accounts.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ),
    "DEFAULT_PERMISSION_CLASSES": ("accounts.api.permissions.HasPermission",),
    "DEFAULT_THROTTLE_CLASSES": ("accounts.api.throttling.TokenThrottle",),
    "DEFAULT_RENDERER_CLASSES": ("rest_framework.renderers.JSONRenderer",),
    "DEFAULT_PARSER_CLASSES": ("switchboard.api_parsers.LimitedJSONParser",),
    "DEFAULT_PAGINATION_CLASS": "switchboard.api_paging.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ("switchboard.api_filters.StrictFilterBackend",),
    "DEFAULT_SCHEMA_CLASS": "switchboard.api_schema.Schema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "switchboard.api_errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Switchboard",
    "DESCRIPTION": "Configuration and call records. Every answer with an error has the shape `Problem`.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_NO_READ_ONLY_REQUIRED": False,
    "SORT_OPERATION_PARAMETERS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "LineStatus": ("created", "valid", "skipped", "error"),
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "switchboard.api_schema.close_requests",
        "switchboard.api_schema.add_problems",
    ],
}
UNFOLD = {
    "SITE_TITLE": "Switchboard",
    "SITE_HEADER": "Switchboard",
    "SITE_SUBHEADER": "Phone platform",
    "SITE_SYMBOL": "call",
    "SHOW_HISTORY": True,
    "STYLES": ["switchboard.theme.noscript_style"],
    "SIDEBAR": {"navigation": "switchboard.navigation.navigation"},
}
TESTING = "pytest" in sys.modules

# --- Published secrets ------------------------------------------------------------------------------------------------

ALLOW_DEV_SECRETS = env.boolean(
    "ALLOW_DEV_SECRETS",
    False,
    roles=EVERY_ROLE,
    help="Start although a secret is one from the documentation (it contains switchboard-dev-); for trying out",
)
if not (DEBUG or ALLOW_DEV_SECRETS):
    published_secrets.refuse(env.secrets)
