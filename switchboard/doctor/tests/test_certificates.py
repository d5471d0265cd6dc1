# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of the certificate of SIP over TLS."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from media.control.tests import certificates as maker
from signaling.transport.tests.tls_peer import write_certificate
from switchboard.doctor import Level, certificates


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(maker, "DAY", dt.timedelta(days=90, minutes=1))
    return write_certificate(tmp_path)


def found(files: Any, **changes: Any) -> Any:
    values = {
        "SIP_TLS_CERT": files.certificate,
        "SIP_TLS_KEY": files.key,
        "SIP_TLS_CA": None,
        "PHONE_SERVER": "",
        "ADVERTISE": "",
        "DEFAULT_DOMAIN": "switchboard.local",
    }
    return list(certificates.certificate(SimpleNamespace(**{**values, **changes})))


def test_without_one_there_is_nothing_to_say(files: Any) -> None:
    assert found(files, SIP_TLS_CERT=None, SIP_TLS_KEY=None) == []


@pytest.mark.parametrize("told", [{}, {"ADVERTISE": "127.0.0.1"}, {"PHONE_SERVER": "localhost:5061"}])
def test_a_good_one_is_told_with_names_and_days(files: Any, told: dict[str, str]) -> None:
    [finding] = found(files, **told)
    assert finding.level == Level.OK
    assert finding.detail.endswith("is for localhost, 127.0.0.1; days left: 90")


def test_a_key_of_another_is_a_failure(files: Any, tmp_path: Path) -> None:
    [finding] = found(files, SIP_TLS_KEY=write_certificate(tmp_path, name="other").key)
    assert finding.level == Level.FAILURE
    assert "it is not the key of" in finding.detail
    assert "SIP_TLS_KEY" in finding.remedy


@pytest.mark.parametrize("days", [1, 13])
def test_one_that_ends_soon_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setattr(maker, "DAY", dt.timedelta(days=days, minutes=1))
    [finding] = found(write_certificate(tmp_path))
    assert finding.level == Level.WARNING
    assert f"days left: {days}" in finding.detail


@pytest.mark.parametrize("told", [{"ADVERTISE": "192.0.2.1"}, {"PHONE_SERVER": "sip.example.com"}])
def test_one_for_another_name_than_phones_are_told_is_a_warning(files: Any, told: dict[str, str]) -> None:
    [finding] = found(files, **told)
    assert finding.level == Level.WARNING
    assert f"phones connect to {next(iter(told.values()))}" in finding.detail
    [finding] = found(files, **told, DEFAULT_DOMAIN="localhost")
    assert finding.level == Level.OK
