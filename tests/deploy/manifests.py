# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes manifests as documents, rendered by kubectl or kustomize, or here when neither is installed."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.stack import ROOT

K8S = ROOT / "deploy" / "k8s"
PRODUCTION = ROOT / "deploy" / "k8s-production"
WORKLOADS = ("Deployment", "StatefulSet", "Job")

Document = dict[str, Any]


def kustomize_command() -> list[str] | None:
    """Return the command that renders a folder, None when no such tool is installed."""
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return None


def render_with(command: list[str], directory: Path) -> list[Document]:
    """Return what a tool makes of a folder."""
    done = subprocess.run([*command, str(directory)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def render_plainly(directory: Path) -> list[Document]:
    """Return the documents of a folder whose kustomization sets resources, a namespace and labels, no more."""
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    unknown = set(kustomization) - {"apiVersion", "kind", "namespace", "labels", "resources"}
    assert not unknown, f"not understood here: {unknown}"
    documents = []
    for name in kustomization["resources"]:
        documents += [document for document in yaml.safe_load_all((directory / name).read_text()) if document]
    for document in documents:
        if document["kind"] != "Namespace":
            document["metadata"]["namespace"] = kustomization["namespace"]
        for entry in kustomization["labels"]:
            _label(document, entry["pairs"], templates=entry.get("includeTemplates", False))
    return documents


def render(directory: Path = K8S) -> list[Document]:
    """Return the documents of a folder."""
    command = kustomize_command()
    return render_with(command, directory) if command else render_plainly(directory)


def _label(document: Document, pairs: dict[str, str], *, templates: bool) -> None:
    places = [document["metadata"]]
    if templates and document["kind"] in WORKLOADS:
        places.append(document["spec"]["template"]["metadata"])
        places += [claim["metadata"] for claim in document["spec"].get("volumeClaimTemplates", [])]
    for metadata in places:
        metadata["labels"] = {**metadata.get("labels", {}), **pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod of a workload."""

    name: str
    workload: str
    index: int
    labels: dict[str, str]
    spec: Document

    @property
    def container(self) -> Document:
        """Its only container."""
        (container,) = self.spec["containers"]
        return dict(container)

    @property
    def on_host_network(self) -> bool:
        """Whether it shares the node's addresses and ports."""
        return bool(self.spec.get("hostNetwork"))


class Manifests:
    """All documents of one deployment."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def get(self, kind: str, name: str) -> Document:
        """Return the one document of that kind and name."""
        found = [d for d in self.documents if (d["kind"], d["metadata"]["name"]) == (kind, name)]
        assert len(found) == 1, f"{len(found)} documents {kind} {name}"
        return found[0]

    def of_kind(self, *kinds: str) -> list[Document]:
        """Return all documents of the kinds."""
        return [document for document in self.documents if document["kind"] in kinds]

    def secret(self, name: str) -> dict[str, str]:
        """Return the values of a Secret in the clear."""
        document = self.get("Secret", name)
        decoded: dict[str, str] = {
            key: base64.b64decode(value).decode() for key, value in document.get("data", {}).items()
        }
        return {**decoded, **document.get("stringData", {})}

    def pods(self, workload: str) -> list[Pod]:
        """Return the pods that a workload makes, with the labels that its controller sets."""
        (document,) = [d for d in self.of_kind(*WORKLOADS) if d["metadata"]["name"] == workload]
        return list(_pods(document))

    def service_links(self) -> dict[str, str]:
        """Return the variables that Kubernetes adds for each Service to pods that do not decline them."""
        variables = {}
        for service in self.of_kind("Service"):
            if service["spec"].get("clusterIP") == "None":
                continue
            prefix = service["metadata"]["name"].upper().replace("-", "_")
            variables[f"{prefix}_SERVICE_HOST"] = "10.43.0.10"
            variables[f"{prefix}_PORT"] = f"tcp://10.43.0.10:{service['spec']['ports'][0]['port']}"
        return variables


def _pods(document: Document) -> Iterator[Pod]:
    name, template = document["metadata"]["name"], document["spec"]["template"]
    for index in range(document["spec"].get("replicas", 1)):
        labels = dict(template["metadata"]["labels"])
        pod_name = f"{name}-{index}"
        if document["kind"] == "StatefulSet":
            labels["apps.kubernetes.io/pod-index"] = str(index)
            labels["statefulset.kubernetes.io/pod-name"] = pod_name
        yield Pod(name=pod_name, workload=name, index=index, labels=labels, spec=template["spec"])
