# SPDX-License-Identifier: Apache-2.0
"""The probes of the manifests, asked as the kubelet asks them."""

from __future__ import annotations

import http.client

from tests.deploy.manifests import Document
from tests.deploy.sandbox import Container

TIMEOUT_S = 5.0


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
    if "httpGet" in probe:
        get = probe["httpGet"]
        headers = {header["name"]: header["value"] for header in get.get("httpHeaders", [])}
        return 200 <= http_status(get["port"], get["path"], headers) < 400
    command = probe["exec"]["command"]
    return container.run(command, timeout_s=probe.get("timeoutSeconds", TIMEOUT_S) + 5).returncode == 0
