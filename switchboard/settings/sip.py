# SPDX-License-Identifier: Apache-2.0
"""SIP: listener, transports, transactions, registrar, authentication, and what a source may do."""

from switchboard.env import BadVariable
from switchboard.settings.base import RTPMANAGER, SIGNALING, UI, env

# --- SIP ----------------------------------------------------------------------------------------------------------

SIP_PORT = env.port("PORT", 5060, roles=[SIGNALING], help="SIP listen port, UDP and TCP")
SIP_BIND = env.address(
    "BIND",
    "0.0.0.0",  # noqa: S104
    roles=[SIGNALING],
    help="Address the SIP listener binds; `::` serves IPv6 and IPv4",
)
ADVERTISE = env.address(
    "ADVERTISE",
    "",
    roles=[SIGNALING, RTPMANAGER],
    help="Address put into Via, Contact and SDP when it differs from the bound one (NAT); "
    "unset: the loopback address towards loopback peers, the primary interface's towards all others",
)
SIP_TLS_CERT = env.path(
    "SIP_TLS_CERT",
    None,
    roles=[SIGNALING],
    help="PEM file of the certificate for SIP over TLS, with those of its authorities after it; unset: TLS is not served",
)
SIP_TLS_KEY = env.path(
    "SIP_TLS_KEY",
    None,
    roles=[SIGNALING],
    help="PEM file of the certificate's private key, without a password; both files are read again when they change "
    "and on SIGHUP",
)
if (SIP_TLS_CERT is None) != (SIP_TLS_KEY is None):
    raise BadVariable("SIP_TLS_CERT", str(SIP_TLS_CERT or ""), "both or neither of it and SIP_TLS_KEY")
SIP_TLS_CA = env.path(
    "SIP_TLS_CA",
    None,
    roles=[SIGNALING],
    help="PEM file of who signs the certificates of servers that routes dial with ;transport=tls; "
    "unset: the authorities that the system trusts",
)
SIP_TLS_PORT = env.port("SIP_TLS_PORT", 5061, roles=[SIGNALING], help="SIP listen port for TLS")
if SIP_TLS_CERT is not None and SIP_TLS_PORT == SIP_PORT:
    raise BadVariable("SIP_TLS_PORT", str(SIP_TLS_PORT), "another port than PORT")
SIP_TLS_MAX_CONNECTIONS = env.integer(
    "SIP_TLS_MAX_CONNECTIONS",
    4000,
    minimum=1,
    roles=[SIGNALING],
    help="Most TLS connections at once; each takes 20 KiB of memory, and up to 60 after long messages",
)
SIP_TLS_HANDSHAKE_S = env.seconds(
    "SIP_TLS_HANDSHAKE_S",
    5,
    minimum=0.1,
    roles=[SIGNALING],
    help="Longest time for a TLS handshake, in seconds",
)
SIP_TLS_HANDSHAKES_PER_SECOND = env.integer(
    "SIP_TLS_HANDSHAKES_PER_SECOND",
    200,
    minimum=1,
    roles=[SIGNALING],
    help="Most TLS handshakes begun in a second, each about a millisecond of the processor; the others wait their turn",
)
SIP_TLS_HALF_OPEN_PER_SOURCE = env.integer(
    "SIP_TLS_HALF_OPEN_PER_SOURCE",
    100,
    minimum=1,
    roles=[SIGNALING],
    help="Most TLS handshakes at once with one address; more connections are refused",
)
DEFAULT_DOMAIN = env.domain(
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
    help="A TCP or TLS connection without a whole message for this long is closed, in seconds",
)
SIP_TCP_FIRST_MESSAGE_S = env.seconds(
    "SIP_TCP_FIRST_MESSAGE_S",
    10,
    minimum=0.1,
    roles=[SIGNALING],
    help="A new TCP or TLS connection must deliver its first whole message within this time, in seconds",
)
SIP_TCP_MAX_CONNECTIONS = env.integer(
    "SIP_TCP_MAX_CONNECTIONS",
    10000,
    minimum=1,
    roles=[SIGNALING],
    help="Most TCP connections at once",
)
SIP_TCP_MAX_PER_SOURCE = env.integer(
    "SIP_TCP_MAX_PER_SOURCE",
    1000,
    minimum=1,
    roles=[SIGNALING],
    help="Most TCP connections at once from one address, and most TLS ones",
)
SIP_TCP_WRITE_BUFFER_BYTES = env.integer(
    "SIP_TCP_WRITE_BUFFER_BYTES",
    256 * 1024,
    minimum=1024,
    roles=[SIGNALING],
    help="A TCP or TLS peer that leaves more than this unread is disconnected, in bytes",
)
SIP_TCP_CONNECT_TIMEOUT_S = env.seconds(
    "SIP_TCP_CONNECT_TIMEOUT_S",
    5,
    minimum=0.1,
    roles=[SIGNALING],
    help="Longest time to open a TCP connection, the TLS handshake included, in seconds",
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
if REGISTRATION_MAX_S < REGISTRATION_MIN_S:
    raise BadVariable(
        "REGISTRATION_MAX_S", str(REGISTRATION_MAX_S), f"at least REGISTRATION_MIN_S ({REGISTRATION_MIN_S})"
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
    help="Wrong passwords a day for one user; seven tenths from anywhere, the rest from addresses that it is at home at",
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
REFUSALS_PER_SECOND = env.integer(
    "REFUSALS_PER_SECOND",
    1000,
    minimum=1,
    roles=[SIGNALING],
    help="Messages a second answered or dropped without credentials, from everybody together, before each counts "
    "tenfold on its path and address; beyond four times as many, nothing more is read from addresses where no phone "
    "has authenticated",
)

# --- Bans -----------------------------------------------------------------------------------------------------------

BAN_AFTER_FAILURES = env.integer(
    "BAN_AFTER_FAILURES",
    50,
    roles=[SIGNALING],
    help="Failures of an address within BAN_WINDOW_S after which nothing is read from it any more; 0 bans nobody by "
    "itself",
)
BAN_WINDOW_S = env.seconds(
    "BAN_WINDOW_S", 600, minimum=1, roles=[SIGNALING], help="Time within which failures count, in seconds"
)
BAN_S = env.seconds(
    "BAN_S",
    600,
    minimum=1,
    roles=[SIGNALING],
    help="How long an address is banned the first time, in seconds; each time after that twice as long",
)
BAN_MAX_S = env.seconds(
    "BAN_MAX_S", 86400, minimum=1, roles=[SIGNALING], help="Longest ban that is made by itself, in seconds"
)
if BAN_MAX_S < BAN_S:
    raise BadVariable("BAN_MAX_S", str(BAN_MAX_S), f"at least BAN_S ({BAN_S})")
BAN_NEVER = env.networks(
    "BAN_NEVER",
    "127.0.0.0/8,::1",
    roles=(SIGNALING, UI),
    help="Addresses and networks that are never banned: gateways, monitoring, the other signaling nodes",
)
