# SPDX-License-Identifier: Apache-2.0
"""Uploaded prompts from the upload to the ear: through REST, the converter, the dialplan, an RTP manager and a phone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from playwright.sync_api import Page, expect

from tests import audio
from tests.phones.process import PhoneProcess
from tests.stack import DOMAIN, ROOT, Stack
from tests.webui import chromium, create_admin, log_in, url_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CONVERTED_S = 30.0
KNOWN_S = 1.0
"""How soon the next call must know what was changed, as the product promises."""
BOUNDARY = "----boundary-of-this-test"


def stereo_tone(hertz: float, seconds: float = 4.0, rate_hz: int = 44100) -> bytes:
    """Return a WAV of CD quality."""
    one = 0.25 * numpy.sin(2 * numpy.pi * hertz * numpy.arange(int(seconds * rate_hz)) / rate_hz)
    made = io.BytesIO()
    soundfile.write(made, numpy.repeat(one[:, None], 2, axis=1), rate_hz, format="WAV", subtype="PCM_16")
    return made.getvalue()


class Api:
    """REST of the ui role."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"{url_of(stack)}/api/v1/"
        words = ["create", "test", "--user", "admin", "--scope", "read", "--scope", "write", "--json"]
        made = subprocess.run(
            [sys.executable, "manage.py", "tokens", *words],
            cwd=ROOT,
            env=stack.environment(),
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        self._token = json.loads(made)["token"]

    def __call__(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        request = urllib.request.Request(self._url + path, data=body, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def upload(
        self, name: str, account: str, sound: bytes, path: str = "prompts", method: str = "POST"
    ) -> Any:
        fields = {"name": name, "account": account} if method == "POST" else {}
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="tone.wav"\r\n\r\n'
        body = b"".join([*parts, head.encode(), sound, f"\r\n--{BOUNDARY}--\r\n".encode()])
        return self(method, path, body, f"multipart/form-data; boundary={BOUNDARY}")

    def account(self, domain: str) -> str:
        (found,) = self("GET", f"accounts?domain={domain}")["results"]
        return str(found["id"])


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All roles, with nobody but the ui role to do the jobs."""
    env = {"UI_RUNS_JOBS": "true", "UI_BIND": "127.0.0.1"}
    made = Stack(tmp_path_factory.mktemp("prompts"), template, env=env)
    try:
        made.start()
        create_admin(made)
        made.run("runui")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def api(own_stack: Stack) -> Api:
    return Api(own_stack)


def ready(stack: Stack, api: Api, prompt_id: str) -> dict[str, Any]:
    """Wait until a prompt is converted."""
    found: dict[str, Any] = {}

    def look() -> bool:
        found.update(api("GET", f"prompts/{prompt_id}"))
        return bool(found["status"] != "converting")

    stack.wait_until(look, CONVERTED_S, "the prompt is converted")
    assert found["status"] == "ready", found
    return found


def hears(stack: Stack, directory: Path, hertz: float, number: str, domain: str = DOMAIN) -> None:
    """A phone that dials a number hears a tone."""
    directory.mkdir()
    phone = stack.phone("4001" if domain != DOMAIN else None, domain=domain)
    with PhoneProcess(stack, phone, 440.0, directory) as caller:
        caller.order("call", number=number)
        caller.wait_for("call_established")
        time.sleep(2.0)
        heard = audio.strongest_tone(caller.heard()[-audio.RATE_HZ :])
        caller.order("hangup")
        caller.wait_for("call_closed")
    assert heard.frequency_hz == pytest.approx(hertz, abs=3)
    assert heard.level_dbfs == pytest.approx(-12, abs=3)
    assert heard.purity > 0.9


def test_a_phone_hears_the_sound_of_its_account_a_second_after_it_is_there(
    own_stack: Stack, api: Api, tmp_path: Path
) -> None:
    mine, other = api.account(DOMAIN), api.account("other.example")
    ids = {
        account: api.upload("opening hours", account, stereo_tone(hertz))["id"]
        for account, hertz in ((mine, 700.0), (other, 1000.0))
    }
    for prompt_id in ids.values():
        ready(own_stack, api, prompt_id)
    play = {"type": "play_audio", "params": {"file": "opening hours"}}
    for number, account in enumerate(ids):
        route = {
            "id": f"hours-{number}",
            "account": account,
            "name": "Hours",
            "pattern": "510",
            "priority": 1,
        }
        api("POST", "routes", json.dumps({**route, "actions": [play, play]}).encode())
    time.sleep(KNOWN_S)
    hears(own_stack, tmp_path / "mine", 700.0, "510")
    hears(own_stack, tmp_path / "other", 1000.0, "510", "other.example")
    assert len(list((own_stack.var / "prompts").glob("*.wav"))) == 2

    api.upload("", "", stereo_tone(850.0), f"prompts/{ids[mine]}", "PATCH")
    ready(own_stack, api, ids[mine])
    time.sleep(KNOWN_S)
    hears(own_stack, tmp_path / "again", 850.0, "510")


@pytest.fixture
def page(own_stack: Stack) -> Iterator[Page]:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        log_in(page, own_stack)
        yield page


def test_an_admin_uploads_listens_and_may_not_delete_what_is_played(
    own_stack: Stack, api: Api, page: Page, tmp_path: Path
) -> None:
    sound = tmp_path / "Greeting of the house.wav"
    sound.write_bytes(stereo_tone(600.0, seconds=1.0))
    page.goto(f"{url_of(own_stack)}/admin/media/prompt/add/")
    page.fill("input[name=name]", "greeting")
    page.set_input_files("input[name=file]", sound)
    page.click("[name=_save]")
    expect(page.get_by_text("Converting").or_(page.locator(".prompt-wave")).first).to_be_visible()
    # The page asks again by itself until the sound is there.
    row = page.locator("tr", has_text="greeting")
    expect(row.get_by_text("Ready")).to_be_visible(timeout=CONVERTED_S * 1000)
    expect(row.locator("svg.prompt-wave path")).to_have_count(1)
    duration_s = row.locator("audio").evaluate(
        "audio => new Promise((done, fail) => { audio.onloadedmetadata = () => done(audio.duration);"
        " audio.onerror = () => fail(audio.error.message); audio.preload = 'auto'; audio.load(); })"
    )
    assert duration_s == pytest.approx(1.0, abs=0.01)

    play = {"type": "play_audio", "params": {"file": "greeting"}}
    route = {"id": "greets", "account": None, "name": "Greets callers", "pattern": "511", "actions": [play]}
    api("POST", "routes", json.dumps(route).encode())
    row.get_by_role("link", name="greeting").click()
    expect(page.get_by_role("link", name="Greets callers").first).to_be_visible()
    page.goto(page.url.replace("/change/", "/delete/"))
    expect(page.get_by_text("Greets callers").first).to_be_visible()
    assert page.locator("input[type=submit], button[type=submit]").filter(has_text="sure").count() == 0
    assert api("GET", "prompts?name=greeting")["results"]
