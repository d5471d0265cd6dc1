# SPDX-License-Identifier: Apache-2.0
"""Certificates from files: what is refused in which words, and when new ones are taken."""

import shutil
import time

import pytest
from cryptography.hazmat.primitives import serialization

from signaling.transport.certificate import CA, CERT, KEY, load, read
from signaling.transport.certificate_watch import LOOK_EVERY_S, CertificateWatch
from signaling.transport.errors import CertificateError
from signaling.transport.tests.tls_peer import write_certificate

DAY_S = 86400.0


@pytest.fixture
def files(tmp_path):
    return write_certificate(tmp_path)


def refused(files, **kwargs):
    with pytest.raises(CertificateError) as caught:
        load(files, **kwargs)
    return caught.value


def test_it_tells_names_and_dates(files):
    identity = load(files)
    assert identity.names == ("localhost", "127.0.0.1")
    assert identity.not_before == pytest.approx(time.time() - DAY_S, abs=60)
    assert identity.not_after == pytest.approx(time.time() + DAY_S, abs=60)
    assert identity.covers("LOCALHOST.") and identity.covers("127.0.0.1")
    assert not identity.covers("sip.localhost") and not identity.covers("example.com")


@pytest.mark.parametrize(("field", "variable"), [("certificate", CERT), ("key", KEY), ("authority", CA)])
def test_a_missing_file_is_told_with_its_setting(files, field, variable):
    getattr(files, field).unlink()
    error = refused(files)
    assert error.variable == variable
    assert str(error) == f"{variable}: {getattr(files, field)} cannot be used: No such file or directory"


@pytest.mark.parametrize(
    ("field", "variable", "words"),
    [
        ("certificate", CERT, "it holds no certificate in PEM"),
        ("key", KEY, "it holds no private key in PEM"),
        ("authority", CA, "it holds no certificate in PEM"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"\xff" * 100])
def test_a_file_of_something_else_is_told(files, field, variable, words, content):
    getattr(files, field).write_bytes(content)
    error = refused(files)
    assert (error.variable, error.reason) == (variable, words)


def test_a_damaged_certificate_is_told(files):
    text = files.certificate.read_text().splitlines()
    files.certificate.write_text("\n".join([text[0], *text[3:]]))
    error = refused(files)
    assert error.variable == CERT
    assert error.reason.startswith("OpenSSL cannot use it")


def test_the_key_of_another_certificate_is_told(files, tmp_path):
    shutil.copy(write_certificate(tmp_path, name="other").key, files.key)
    error = refused(files)
    assert error.variable == KEY
    assert error.reason == f"it is not the key of {files.certificate}"


def test_a_key_with_a_password_is_told_and_nobody_asked_for_it(files):
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert "without a password" in str(refused(files))


def test_a_certificate_out_of_its_time_is_told_and_can_still_be_read(files):
    assert refused(files, now=time.time() + 2 * DAY_S).reason.startswith("it expired on 20")
    assert refused(files, now=time.time() - 2 * DAY_S).reason.startswith("it counts from 20")
    assert read(files).names == ("localhost", "127.0.0.1")


# --- New ones ---------------------------------------------------------------------------------------------------------


def watched(files):
    taken = []
    return CertificateWatch(files, taken.append), taken


def replace(files, tmp_path, *fields):
    new = write_certificate(tmp_path, name="new")
    for field in fields:
        shutil.copy(getattr(new, field), getattr(files, field))


def test_it_looks_now_and_then_and_takes_what_has_changed(files, tmp_path):
    watch, taken = watched(files)
    watch.look(0.0)
    replace(files, tmp_path, "certificate", "key", "authority")
    watch.look(LOOK_EVERY_S - 0.1)
    assert taken == []
    watch.look(LOOK_EVERY_S)
    assert taken == [watch.identity]
    watch.look(2 * LOOK_EVERY_S)
    assert len(taken) == 1


def test_a_new_certificate_beside_the_old_key_changes_nothing_and_is_told_once(files, tmp_path, caplog):
    watch, taken = watched(files)
    was = watch.identity
    replace(files, tmp_path, "certificate")
    for time_s in (LOOK_EVERY_S, 2 * LOOK_EVERY_S, 3 * LOOK_EVERY_S):
        watch.look(time_s)
    assert taken == []
    assert watch.identity is was
    assert watch.problem is not None and "not the key" in watch.problem
    assert len(caplog.records) == 1
    replace(files, tmp_path, "certificate", "key")
    watch.look(4 * LOOK_EVERY_S)
    assert taken == [watch.identity] != [was]
    assert watch.problem is None


def test_files_that_are_gone_for_a_moment_change_nothing(files):
    watch, taken = watched(files)
    hidden = files.key.with_suffix(".hidden")
    files.key.rename(hidden)
    watch.look(LOOK_EVERY_S)
    assert watch.problem is not None
    hidden.rename(files.key)
    watch.look(2 * LOOK_EVERY_S)
    assert watch.problem is None
    assert taken == [watch.identity]


def test_a_reload_takes_them_at_once(files):
    watch, taken = watched(files)
    watch.reload()
    assert taken == [watch.identity]
