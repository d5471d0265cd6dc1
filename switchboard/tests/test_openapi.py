# SPDX-License-Identifier: Apache-2.0
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from accounts.tests.people import make_people

DOCS = Path(settings.BASE_DIR) / "docs"
SNAPSHOT = DOCS / "openapi-ui.json"
QUOTED = re.compile(r"`/?([\w/{}.-]+)(?:\?[^`]*)?`")


def nameless(address: str) -> str:
    """Return an address, or a text with some, without the names in its gaps."""
    return re.sub(r"{\w+}", "{}", address)


@pytest.mark.parametrize(
    ("description", "page"), [("openapi-ui.json", "rest.md"), ("openapi-signaling.json", "rest-live.md")]
)
def test_the_manual_names_every_address(description: str, page: str) -> None:
    paths = json.loads((DOCS / description).read_text())["paths"]
    named = set(QUOTED.findall(nameless((DOCS / page).read_text())))
    assert {nameless(path.removeprefix("/api/v1/")) for path in paths} <= named


def test_the_committed_description_is_current(tmp_path: Path) -> None:
    made = tmp_path / "openapi.json"
    call_command("spectacular", "--format", "openapi-json", "--validate", "--fail-on-warn", file=str(made))
    assert made.read_text() == SNAPSHOT.read_text(), "make docs writes it anew"


@pytest.mark.django_db
def test_the_console_asks_for_a_login_and_loads_nothing_from_elsewhere(client: Client) -> None:
    response = client.get("/api/docs/")
    assert (response.status_code, response["Location"]) == (302, "/admin/login/?next=/api/docs/")
    client.force_login(make_people()["vera"])
    page = client.get("/api/docs/").content.decode()
    assert "swagger-ui-bundle.js" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.django_db
def test_the_description_is_served_to_who_is_logged_in(client: Client) -> None:
    assert client.get("/api/schema").status_code == 401
    client.force_login(make_people()["vera"])
    for accepted in ("*/*", "application/json", "application/vnd.oai.openapi+json"):
        answer = client.get("/api/schema", headers={"accept": accepted})
        assert answer.json() == json.loads(SNAPSHOT.read_text())
        assert answer["Content-Type"] == accepted.replace("*/*", "application/json")
