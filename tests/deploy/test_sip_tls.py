# SPDX-License-Identifier: Apache-2.0
"""SIP over TLS as the manifests and the compose file switch it on, against schemas, settings and a process of the product."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from django.conf import settings

from signaling.transport.certificate import TlsFiles, load
from tests.certificates import certificate
from tests.deploy import dockerfile
from tests.deploy.manifests import K8S, PRODUCTION, Manifests, kustomize_command, render_with
from tests.rawsip import Peer
from tests.stack import running_stack

COMPONENT = K8S.with_name("k8s-sip-tls")
PORT = 5061


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """The manifests with the component, as its first lines say."""
    command = kustomize_command()
    if command is None:
        pytest.skip("neither kubectl nor kustomize is installed")
    directory = tmp_path_factory.mktemp("k8s")
    for source in (K8S, COMPONENT):
        shutil.copytree(source, directory / source.name)
    overlay = directory / "mine"
    overlay.mkdir()
    document = {"resources": ["../k8s"], "components": [f"../{COMPONENT.name}"]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return Manifests(render_with(command, overlay))


@pytest.mark.parametrize("version", ["1.28", kubernetes_validate.latest_version()])
def test_what_it_adds_follows_its_schema(manifests: Manifests, version: str) -> None:
    for document in manifests.documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_signaling_has_the_certificate_and_the_port(manifests: Manifests) -> None:
    (pod,) = manifests.pods("signaling")
    variables = {each["name"]: each.get("value") for each in pod.container["env"]}
    assert {"SIP_TLS_CERT", "SIP_TLS_KEY"} <= set(settings.ENV.variables)
    (mount,) = [each for each in pod.container["volumeMounts"] if each["name"] == "sip-tls"]
    # What a secret of the type kubernetes.io/tls holds.
    assert variables["SIP_TLS_CERT"] == f"{mount['mountPath']}/tls.crt"
    assert variables["SIP_TLS_KEY"] == f"{mount['mountPath']}/tls.key"
    # A file that is mounted by itself does not follow its secret.
    assert mount["readOnly"] and "subPath" not in mount
    (volume,) = [each for each in pod.spec["volumes"] if each["name"] == "sip-tls"]
    assert volume["secret"] == {"secretName": "switchboard-sip-tls", "defaultMode": 0o440}
    assert variables["DATABASE_URL_FILE"]
    ports = {each["name"]: each["containerPort"] for each in pod.container["ports"]}
    assert ports["sip-tls"] == PORT == settings.SIP_TLS_PORT
    assert ports["sip-udp"] == ports["sip-tcp"] == 5060
    service = manifests.get("Service", "signaling")["spec"]["ports"]
    assert {each["port"] for each in service} == {5060, PORT, 8080}


def test_phones_are_told_to_use_it(manifests: Manifests) -> None:
    (pod,) = manifests.pods("ui")
    variables = {each["name"]: each.get("value") for each in pod.container["env"]}
    assert variables["PHONE_TRANSPORT"] == "tls"
    assert "PHONE_TRANSPORT" in settings.ENV.variables


def test_production_names_the_component() -> None:
    text = (PRODUCTION / "kustomization.yaml").read_text()
    assert f"# components:\n#   - ../{COMPONENT.name}\n" in text


def test_compose_has_the_certificate_and_the_port() -> None:
    base = yaml.safe_load((dockerfile.DOCKER / "compose.yaml").read_text())["services"]
    more = yaml.safe_load((dockerfile.DOCKER / "compose.tls.yaml").read_text())["services"]
    assert set(more) <= set(base)
    signaling = more["signaling"]
    (volume,) = signaling["volumes"]
    target = volume.rsplit(":", 2)[1]
    assert {path.rpartition("/")[0] for path in signaling["environment"].values()} == {target}
    assert set(signaling["environment"]) == {"SIP_TLS_CERT", "SIP_TLS_KEY"}
    assert signaling["ports"] == [f"{PORT}:{PORT}/tcp"]
    assert more["ui"]["environment"] == {"PHONE_TRANSPORT": "tls"}


@pytest.mark.e2e
def test_a_renewed_secret_is_shown_without_a_restart(tmp_path: Path, template: Path) -> None:
    """The kubelet puts a new folder in place by a symbolic link, the file names stay."""
    first, second = (certificate(tmp_path, name) for name in ("first", "second"))
    mounted = tmp_path / "sip-tls"
    mounted.mkdir()
    for name, made in (("..1", first), ("..2", second)):
        (mounted / name).mkdir()
        shutil.copy(made.path, mounted / name / "tls.crt")
        shutil.copy(made.key, mounted / name / "tls.key")
    (mounted / "..data").symlink_to("..1")
    for file in ("tls.crt", "tls.key"):
        (mounted / file).symlink_to(f"..data/{file}")
    files = TlsFiles(certificate=mounted / "tls.crt", key=mounted / "tls.key")
    stamp = files.stamp()
    with running_stack(
        tmp_path / "stack", template, SIP_TLS_CERT=str(files.certificate), SIP_TLS_KEY=str(files.key)
    ) as stack:
        assert _shows(stack.ports.tls, first.authority)
        (mounted / "..new").symlink_to("..2")
        (mounted / "..new").rename(mounted / "..data")
        assert files.stamp() != stamp
        assert load(files).names
        stack.wait_until(lambda: _shows(stack.ports.tls, second.authority), 15, "the new certificate")


def _shows(port: int, authority: Path) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    try:
        Peer(("127.0.0.1", port), tls=context).socket.close()
    except ssl.SSLError:
        return False
    return True
