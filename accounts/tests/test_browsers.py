# SPDX-License-Identifier: Apache-2.0
import pytest

from accounts.browsers import SHOWN, browser

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (CHROME, "Chrome 126 on Linux"),
        (CHROME.replace("X11; Linux x86_64", "Windows NT 10.0") + " Edg/126.0.1", "Edge 126 on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko Firefox/127.0",
            "Firefox 127 on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5) AppleWebKit/605 Version/17.5 Mobile/15E148 Safari/604.1",
            "Safari 17 on iPhone",
        ),
        ("curl/8.5.0", "curl 8"),
        ("", ""),
        ("a wall board", "a wall board"),
    ],
)
def test_it_says_what_people_call_it(user_agent: str, words: str) -> None:
    assert browser(user_agent) == words


def test_what_it_does_not_know_is_cut_off() -> None:
    assert browser("x" * 255) == "x" * SHOWN + "…"
