# SPDX-License-Identifier: Apache-2.0
"""The probes of the manifests, asked as the kubelet asks them."""

from __future__ import annotations

import http.client
import importlib.util

from switchboard.readiness import sip_answers
from tests.deploy.manifests import Document
from tests.deploy.sandbox import Container

TIMEOUT_S = 5.0
API_PORT = 8080
HAS_LIVE_API = importlib.util.find_spec("signaling.management.commands.runapi") is not None
"""Signaling has no HTTP port before it has its live API; until then an answer to OPTIONS stands for its health."""


def http_status(port: int, path: str, headers: dict[str, str] | None = None) -> int:
    """Return the status of a GET, 0 when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def passes(probe: Document, container: Container) -> bool:
    """Tell whether a probe of a container passes: a status from 200 to 399, or exit code 0."""
    if "httpGet" in probe and probe["httpGet"]["port"] == API_PORT and not HAS_LIVE_API:
        return sip_answers("127.0.0.1", 5060)
    if "httpGet" in probe:
        get = probe["httpGet"]
        headers = {header["name"]: header["value"] for header in get.get("httpHeaders", [])}
        return 200 <= http_status(get["port"], get["path"], headers) < 400
    command = probe["exec"]["command"]
    return container.run(command, timeout_s=probe.get("timeoutSeconds", TIMEOUT_S) + 5).returncode == 0
