# SPDX-License-Identifier: Apache-2.0
"""Where things are written, who the roles are, and the registry in which every variable of the environment is declared."""

import socket
import sys
from pathlib import Path

from switchboard import plain_http
from switchboard.env import LOG_LEVELS, Registry

plain_http.leave_out_the_unused(sys.argv)

BASE_DIR = Path(__file__).resolve().parents[2]
ENV = env = Registry()
HOSTNAME = socket.gethostname()

SIGNALING, RTPMANAGER, UI, CDR_CONSUMER = "signaling", "rtpmanager", "ui", "cdr"
EVERY_ROLE = (SIGNALING, RTPMANAGER, UI, CDR_CONSUMER)

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
