# SPDX-License-Identifier: Apache-2.0
"""The secret key that an installation makes for itself."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from switchboard.secret_key import load_or_create


def test_it_makes_a_key_once_that_only_its_owner_reads(tmp_path: Path):
    path = tmp_path / "var" / "secret-key"
    key = load_or_create(path)
    assert len(key) >= 50
    assert load_or_create(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret-key"]


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create(tmp_path / "secret-key"), range(32)))
    assert len(keys) == 1


def test_a_derived_token_depends_on_key_and_purpose_and_on_nothing_else():
    from switchboard.secret_key import derive

    tokens = {derive(key, purpose) for key in ("a", "b") for purpose in ("x", "y")}
    assert len(tokens) == 4
    assert derive("a", "x") == derive("a", "x")
