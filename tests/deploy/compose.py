# SPDX-License-Identifier: Apache-2.0
"""The compose file as containers, started as `docker compose up` would."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.dockerfile import DOCKER, Image
from tests.deploy.sandbox import Container, Mount

FILE = DOCKER / "compose.yaml"
DEFAULT = re.compile(r"\$\{(\w+):-([^}]*)\}")


def read() -> dict[str, Any]:
    """Return the file with the defaults of its variables."""
    text = DEFAULT.sub(lambda match: match[2], FILE.read_text())
    return dict(yaml.safe_load(text))


def container_of(
    name: str, service: dict[str, Any], image: Image, layers: list[Mount], disks: Path
) -> Container:
    """Return a service's container; its volumes are folders below ``disks``."""
    uid, gid = (int(number) for number in image.user.split(":"))
    mounts = [_mount(entry, disks, uid, gid) for entry in service["volumes"]]
    mounts += [Mount(_own(disks / f"{name}{place}", uid, gid), place, True) for place in service["tmpfs"]]
    return Container(
        name=name,
        command=image.entrypoint + image.command,
        env={**image.env, "HOSTNAME": name, **service["environment"]},
        workdir=image.workdir,
        uid=uid,
        gid=gid,
        mounts=[*layers, *mounts],
    )


def _mount(entry: str, disks: Path, uid: int, gid: int) -> Mount:
    source, target, *flags = entry.split(":")
    if source.startswith((".", "/")):
        return Mount((DOCKER / source).resolve(), target, writable="ro" not in flags)
    return Mount(_own(disks / source, uid, gid), target, writable=True)


def _own(path: Path, uid: int, gid: int) -> Path:
    """Make a folder as a new volume: it belongs to whom the image's folder belongs to."""
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, uid, gid)
    return path
