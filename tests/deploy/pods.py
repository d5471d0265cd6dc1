# SPDX-License-Identifier: Apache-2.0
"""From a pod of the manifests to a container that can be started: its variables, volumes, user and command.

Follows what Kubernetes documents; a field that it does not know how to carry out fails the test.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.dockerfile import Image
from tests.deploy.manifests import Document, Manifests, Pod
from tests.deploy.sandbox import Container, Mount

NODE_NAME = "node-1"
REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def environment(container: Document, pod: Pod, image: Image, manifests: Manifests) -> dict[str, str]:
    """Return the variables of a container."""
    inherited = dict(image.env) | {"HOSTNAME": NODE_NAME if pod.on_host_network else pod.name}
    if pod.spec.get("enableServiceLinks", True):
        inherited |= manifests.service_links()
    own: dict[str, str] = {}
    for source in container.get("envFrom", []):
        own |= manifests.get("ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", []):
        value = variable.get("value")
        if value is None:
            value = _from_the_pod(variable["valueFrom"], pod)
        own[variable["name"]] = REFERENCE.sub(lambda match: own.get(match[1], match[0]), value)
    return inherited | own


def _from_the_pod(source: Document, pod: Pod) -> str:
    """Return the value of a field of the pod."""
    path = source["fieldRef"]["fieldPath"]
    if label := re.fullmatch(r"metadata\.labels\['(.+)'\]", path):
        return pod.labels[label[1]]
    return {"metadata.name": pod.name, "spec.nodeName": NODE_NAME}[str(path)]


@dataclass(frozen=True, slots=True)
class Host:
    """Folders of the node that stand in for its disks."""

    directory: Path

    def volume(self, pod: Pod, volume: Document, manifests: Manifests) -> Path:
        """Return the folder behind a volume, made and filled as Kubernetes does."""
        gid = pod.spec["securityContext"].get("fsGroup", 0)
        if "secret" in volume:
            path = self.directory / pod.name / volume["name"]
            secret = volume["secret"]
            values = manifests.secret(secret["secretName"])
            items = {item["path"]: values[item["key"]] for item in secret["items"]}
            return _files(path, items, mode=secret["defaultMode"], gid=gid)
        if "configMap" in volume:
            path = self.directory / pod.name / volume["name"]
            return _files(
                path, manifests.get("ConfigMap", volume["configMap"]["name"])["data"], mode=0o644, gid=gid
            )
        if "hostPath" in volume:
            return _folder(self.directory / "host" / volume["hostPath"]["path"].lstrip("/"), 0o755)
        if "persistentVolumeClaim" in volume:
            return _folder(self.directory / "claims" / volume["persistentVolumeClaim"]["claimName"], 0o777)
        assert volume.get("emptyDir") == {}, f"not understood here: {volume}"
        return _folder(self.directory / pod.name / volume["name"], 0o777)


def _folder(path: Path, mode: int) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path


def _files(directory: Path, files: dict[str, str], *, mode: int, gid: int) -> Path:
    _folder(directory, 0o755)
    for name, text in files.items():
        path = directory / name
        path.write_text(text)
        os.chown(path, 0, gid)
        path.chmod(mode)
    return directory


def container_of(
    container: Document, pod: Pod, image: Image, manifests: Manifests, host: Host, *, mounts: list[Mount]
) -> Container:
    """Return a container of a pod, ready to be started.

    Args:
        container: one of the pod's, or of its init containers.
        mounts: what the image itself brings.
    """
    security = pod.spec["securityContext"]
    assert image.user == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
    bound = [
        Mount(
            host.volume(pod, volumes[mount["name"]], manifests),
            mount["mountPath"],
            writable=not mount.get("readOnly", False),
        )
        for mount in container["volumeMounts"]
    ]
    # A command without arguments takes those of the image away too.
    arguments = [] if "command" in container else image.command
    return Container(
        name=f"{pod.name}-{container['name']}",
        command=container.get("command", image.entrypoint) + container.get("args", arguments),
        env=environment(container, pod, image, manifests),
        workdir=image.workdir,
        uid=security["runAsUser"],
        gid=security["runAsGroup"],
        mounts=[*mounts, *bound],
    )
