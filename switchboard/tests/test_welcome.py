# SPDX-License-Identifier: Apache-2.0
import pytest
from django.conf import LazySettings

from signaling.testcall import Credentials, Softphone, StepFailed
from switchboard import welcome


@pytest.mark.parametrize(
    ("bind", "port", "command"),
    [
        ("0.0.0.0", 5060, "make testcall"),
        ("0.0.0.0", 5070, 'make testcall ARGS="--server 127.0.0.1:5070"'),
        ("192.0.2.7", 5060, 'make testcall ARGS="--server 192.0.2.7:5060"'),
        ("::1", 5060, 'make testcall ARGS="--server [::1]:5060"'),
    ],
)
def test_it_tells_a_command_that_calls_this_server(
    settings: LazySettings, bind: str, port: int, command: str
) -> None:
    settings.SIP_BIND, settings.SIP_PORT = bind, port
    assert welcome.try_command() == command


def test_a_phone_that_is_refused_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Softphone, event: str) -> None:
        raise StepFailed(f"phone {self.name}: the server did not accept it")

    monkeypatch.setattr(Softphone, "wait_for", refuse)
    with (
        Softphone("127.0.0.1:9", Credentials(username="1001", password="word")) as phone,
        pytest.raises(StepFailed, match=r"did not accept it \(127\.0\.0\.1:9\)"),
    ):
        phone.register()
