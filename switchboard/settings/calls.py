# SPDX-License-Identifier: Apache-2.0
"""Calls, and what is told about them while they live: REST, events, metrics."""

from switchboard.addresses import is_host_port
from switchboard.env import BadVariable
from switchboard.settings.base import CDR_CONSUMER, HOSTNAME, RTPMANAGER, SIGNALING, VAR_DIR, env

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
SESSION_EXPIRES_S = env.integer(
    "SESSION_EXPIRES_S",
    1800,
    roles=[SIGNALING],
    help="Session timers (RFC 4028): the longest time that a call with a phone that knows them goes on without a sign "
    "of life in its signalling, in seconds; 0: off",
)
SESSION_MIN_SE_S = env.integer(
    "SESSION_MIN_SE_S",
    90,
    minimum=2,
    roles=[SIGNALING],
    help="The shortest such time that a phone may ask for, in seconds (below: 422); RFC 4028 allows none below 90",
)
if 0 < SESSION_EXPIRES_S < SESSION_MIN_SE_S:
    raise BadVariable(
        "SESSION_EXPIRES_S", str(SESSION_EXPIRES_S), f"0 or at least SESSION_MIN_SE_S ({SESSION_MIN_SE_S})"
    )
SESSION_REFRESH = env.choice(
    "SESSION_REFRESH",
    "supporting",
    choices=("supporting", "all"),
    roles=[SIGNALING],
    help="Which phones are asked for a sign of life after half of SESSION_EXPIRES_S: `supporting` session timers, or "
    "`all`, the others by a re-INVITE, or by an UPDATE when they allow it",
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
for _, _address in RTPMANAGER_ADDRS:
    if not is_host_port(_address):
        raise BadVariable("RTPMANAGER_ADDRS", _address, "host:port or node-id=host:port, comma-separated")
    # A drain would move its calls to itself.
    if [_other.lower() for _, _other in RTPMANAGER_ADDRS].count(_address.lower()) > 1:
        raise BadVariable("RTPMANAGER_ADDRS", _address, "each RTP manager once")

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
