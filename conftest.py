# SPDX-License-Identifier: Apache-2.0
"""What every test runs with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine may be slow for a moment; that is no fault of the code under test. In continuous integration the same
# examples are tried on each run, so that a change is judged by itself; elsewhere the search goes on with new ones.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session", autouse=True)
def recordings_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the files of recordings out of the directory of the product."""
    from django.conf import settings as of_django

    before, of_django.RECORDINGS_PATH = of_django.RECORDINGS_PATH, tmp_path_factory.mktemp("recordings")
    yield of_django.RECORDINGS_PATH
    of_django.RECORDINGS_PATH = before
