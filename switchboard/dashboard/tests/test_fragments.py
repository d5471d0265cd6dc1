# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest

from accounts.tenancy import access_of
from switchboard.dashboard import fragments as module
from switchboard.dashboard.backends import Backend, Picture
from switchboard.dashboard.fragments import fragments
from switchboard.dashboard.tests.fake_node import call

NODE = Backend(name="local", url="http://127.0.0.1:9")


@pytest.fixture
def picture(people) -> Callable[[str], list[Picture]]:
    """Return what makes another picture, with one call from a number."""
    return lambda number: [Picture(backend=NODE, rows={"calls": [call(people.alpha.pk, number)]})]


def test_readers_with_the_same_rights_share_one_rendering(people, picture):
    pictures = picture("1001")
    first = fragments(pictures, access_of(people["alice"]), ticking=True)
    assert fragments(pictures, access_of(people["root"]), ticking=True) is not first
    assert fragments(pictures, access_of(people["alice"]), ticking=True) is first


def test_nothing_is_kept_of_what_was_rendered_of_former_pictures(people, picture):
    for number in range(1001, 1011):
        for name in ("alice", "root"):
            fragments(picture(str(number)), access_of(people[name]), ticking=True)
    kept = repr(list(module._kept.values()))
    assert "1010" in kept
    assert "1001" not in kept
    assert len(module._kept) == 1
