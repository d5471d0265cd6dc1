# SPDX-License-Identifier: Apache-2.0
"""RTP managers: gRPC, RTP, prompts, drain."""

from switchboard.addresses import is_url
from switchboard.env import BadVariable
from switchboard.settings.base import BASE_DIR, HOSTNAME, RTPMANAGER, SIGNALING, UI, VAR_DIR, env
from switchboard.settings.sip import SIP_BIND

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
RTP_BIND = env.address(
    "RTP_BIND",
    "::" if SIP_BIND == "::" else "0.0.0.0",  # noqa: S104
    roles=[RTPMANAGER],
    help="Address the RTP sockets bind; `::` serves IPv6 and IPv4, and is the default when BIND is `::`",
)
RTP_PORT_MIN = env.port("RTP_PORT_MIN", 10000, roles=[RTPMANAGER], help="First port for RTP and RTCP")
RTP_PORT_MAX = env.port(
    "RTP_PORT_MAX", 10100, roles=[RTPMANAGER], help="Last port for RTP and RTCP, included"
)
# RTP has the even ports and RTCP the odd ones after them; a call has two sessions.
_ENOUGH = RTP_PORT_MIN + RTP_PORT_MIN % 2 + 3
if RTP_PORT_MAX < _ENOUGH:
    _wanted = f"{_ENOUGH} or more: a call needs four ports, and RTP_PORT_MIN is {RTP_PORT_MIN}"
    raise BadVariable("RTP_PORT_MAX", str(RTP_PORT_MAX), _wanted)
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
    help="Directory of WAV files that routes may play, beside uploaded prompts; one that is not there is refused",
)
AUDIO_FILES_ELSEWHERE = env.boolean(
    "AUDIO_FILES_ELSEWHERE",
    False,
    roles=[SIGNALING, UI],
    help="Whether the RTP managers have WAV files of their own in AUDIO_PATH that this host has not: routes may then "
    "name any .wav file; otherwise a route is refused that names one which is not there",
)
RECORDINGS_PATH = env.path(
    "RECORDINGS_PATH",
    VAR_DIR / "recordings",
    roles=[RTPMANAGER, UI],
    help="Directory of recorded calls: RTP managers write there, the ui role reads and deletes there",
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
    if not is_url(_url, "http", "https"):
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
