# SPDX-License-Identifier: Apache-2.0
"""Prompts in REST: upload, rules, listening."""

import pytest
from django.test import Client

from accounts.tests.people import make_people
from accounts.tests.rest import Rest
from dialplan.models import Route
from media.models import Prompt, Status
from media.prompts import blobs, conversion
from media.tests.factories import make_prompt, wav_bytes, wav_file, write_sound
from switchboard.byte_ranges import NoSuchRange, parse_range

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return make_people()


@pytest.fixture
def rest(people):
    return Rest(people.token("alice"))


def plays(name, account=None, route_id="r1"):
    actions = [{"type": "play_audio", "params": {"file": name}}]
    return Route.objects.create(
        id=route_id, account=account, name=f"plays {name}", pattern="5", actions=actions
    )


def test_an_upload_is_a_prompt_that_plays_when_it_is_converted(rest, tmp_path):
    data = write_sound(tmp_path / "s.mp3", kind="MP3").read_bytes()
    answer = rest.upload("prompts", {"name": "hours", "file": wav_file("Our hours.mp3", data)})
    assert (answer.status, answer.body["status"], answer.body["playable"]) == (201, "converting", False)
    conversion.convert_waiting()
    body = rest.get(f"prompts/{answer.body['id']}").body
    assert (body["status"], body["playable"], body["error"]) == ("ready", True, "")
    assert (body["source_name"], body["source_format"]) == ("Our hours.mp3", "MP3, 44100 Hz, stereo")
    assert body["duration_ms"] == pytest.approx(500, abs=80)
    assert rest.get("prompts", name="hours", status="ready").body["results"][0]["id"] == body["id"]
    assert rest.get("prompts", q="nothing").body["results"] == []


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        ({"name": "x"}, "file", "needs a sound"),
        ({"name": "x", "file": wav_file(data=b"MZ" + bytes(100))}, "file", "no sound file"),
        ({"name": "x", "file": wav_file(data=b"")}, "file", "empty"),
        ({"name": "a/b", "file": wav_file()}, "name", "no /"),
        ({"name": "..", "file": wav_file()}, "name", "part of a file name"),
        ({"name": "taken", "file": wav_file()}, "name", "already has taken"),
        ({"name": "x", "file": wav_file(), "sound": "y"}, "sound", "Unknown field"),
    ],
)
def test_a_bad_upload_is_refused_at_its_field(rest, people, form, field, says):
    make_prompt("taken", people.alpha)
    form = {**form}
    if "file" in form:
        form["file"].seek(0)
    answer = rest.upload("prompts", form)
    assert answer.status == 400
    assert says in answer.body["fields"][field][0]


@pytest.mark.parametrize(
    "part", [b"[]", b'Content-Disposition: form-data; name="name"\r\n\r\n', b"", b"\r\n\r\n"]
)
def test_a_form_without_anything_that_can_be_read_is_refused(people, part):
    prompt = make_prompt("hours", people.alpha)
    headers = {"authorization": f"Bearer {people.token('alice')}"}
    body, kind = b"--b\r\n" + part + b"--b--\r\n", "multipart/form-data; boundary=b"
    answer = Client().generic("PATCH", f"/api/v1/prompts/{prompt.pk}", body, kind, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "The form has no field that could be read.")


def test_a_file_over_the_limit_is_refused(rest, settings):
    settings.PROMPT_MAX_BYTES = 2000
    form = {"name": "x", "file": wav_file(data=wav_bytes(bytes(3000)))}
    assert "at most 2000" in rest.upload("prompts", form).body["fields"]["file"][0]
    form = {"name": "x", "file": wav_file(data=wav_bytes(bytes(100_000)))}
    assert rest.upload("prompts", form).status == 413


def test_two_accounts_use_one_name_for_different_sounds(people):
    for person, data in (("alice", wav_bytes(b"\1\0" * 80)), ("charlie", wav_bytes(b"\2\0" * 80))):
        form = {"name": "hours", "file": wav_file(data=data)}
        assert Rest(people.token(person)).upload("prompts", form).status == 201
    conversion.convert_waiting()
    assert len({prompt.sha256 for prompt in Prompt.objects.all()}) == 2


def test_a_prompt_gets_another_sound_and_plays_the_old_one_until_then(rest, people):
    prompt = make_prompt("hours", people.alpha)
    answer = rest.upload(f"prompts/{prompt.pk}", {"file": wav_file(data=wav_bytes(b"\7\0" * 80))}, "patch")
    assert (answer.status, answer.body["status"], answer.body["playable"]) == (200, "converting", True)
    conversion.convert_waiting()
    stored = Prompt.objects.get()
    assert (stored.status, stored.duration_ms) == (Status.READY, 10)
    assert stored.sha256 != prompt.sha256


def test_what_a_route_plays_is_neither_deleted_nor_renamed(rest, people):
    prompt = make_prompt("hours", people.alpha)
    plays("hours", people.alpha)
    assert rest.get(f"prompts/{prompt.pk}").body["used_by"] == ["r1"]
    answer = rest.delete(f"prompts/{prompt.pk}")
    assert (answer.status, answer.body["code"]) == (409, "CONFLICT")
    assert "plays hours (r1)" in answer.body["error"]
    answer = rest.patch(f"prompts/{prompt.pk}", {"name": "other"})
    assert "plays hours (r1)" in answer.body["fields"]["name"][0]
    Route.objects.all().delete()
    assert rest.patch(f"prompts/{prompt.pk}", {"name": "other"}).status == 200
    assert rest.delete(f"prompts/{prompt.pk}").status == 204


def test_the_account_of_a_prompt_is_fixed(people):
    prompt = make_prompt("hours", people.alpha)
    answer = Rest(people.token("root")).patch(f"prompts/{prompt.pk}", {"account": str(people.beta.pk)})
    assert "cannot be changed" in answer.body["fields"]["account"][0]


def test_a_shared_prompt_is_kept_for_accounts_that_have_none_of_their_own(people):
    root = Rest(people.token("root"))
    shared = make_prompt("hours")
    plays("hours", people.alpha)
    assert root.delete(f"prompts/{shared.pk}").status == 409
    own = make_prompt("hours", people.alpha)
    assert root.delete(f"prompts/{shared.pk}").status == 204
    assert root.delete(f"prompts/{own.pk}").status == 409


def test_nobody_learns_of_the_routes_of_others_by_a_shared_prompt(people):
    shared = make_prompt("hours")
    plays("hours", people.beta, "secret-of-beta")
    body = Rest(people.token("alice")).get(f"prompts/{shared.pk}").body
    assert body["used_by"] == []


def test_a_route_is_refused_that_plays_what_is_not_there(rest, people):
    make_prompt("of beta", people.beta)
    make_prompt("shared")
    route = {"name": "r", "pattern": "5", "actions": [{"type": "play_audio", "params": {"file": "of beta"}}]}
    answer = rest.post("routes", route)
    assert answer.status == 400
    assert "has no prompt 'of beta'" in answer.body["fields"]["actions[0].params.file"][0]
    for name in ("shared", "welcome.wav", "${destination}.wav"):
        route["actions"][0]["params"]["file"] = name
        assert rest.post("routes", {**route, "id": f"r-{len(name)}"}).status == 201, name
    route["actions"][0]["params"]["file"] = "welcom.wav"
    assert "is 'welcome.wav' meant?" in str(rest.post("routes", route).body)


def test_a_route_whose_prompt_went_missing_can_still_be_switched_off(rest, people):
    plays("gone", people.alpha)
    assert rest.patch("routes/r1", {"enabled": False}).status == 200


def test_the_simulator_tells_which_prompt_is_played(rest, people):
    make_prompt("hours", people.alpha, duration_ms=4200)
    plays("hours", people.alpha)
    (step,) = rest.post("dialplan/simulate", {"number": "5"}).body["actions"]
    assert step["words"] == "Answer and play the prompt hours of the account (4.2 s)"
    Prompt.objects.update(sha256="", status=Status.CONVERTING)
    (step,) = rest.post("dialplan/simulate", {"number": "5"}).body["actions"]
    assert step["problem"] == "the prompt hours is still being converted"


def listen(rest, prompt, **headers):
    client = rest._client
    return client.get(f"/api/v1/prompts/{prompt.pk}/audio", headers={**rest._headers, **headers})


def test_a_sound_is_heard_whole_or_in_part(rest, people, monkeypatch):
    monkeypatch.setattr(blobs, "PIECE_BYTES", 100)
    sound = wav_bytes(bytes(range(256)) * 4)
    prompt = make_prompt("hours", people.alpha, data=sound)
    whole = listen(rest, prompt)
    assert (whole.status_code, whole["Content-Type"], whole.getvalue()) == (200, "audio/wav", sound)
    part = listen(rest, prompt, range="bytes=50-249")
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 50-249/{len(sound)}")
    assert part.getvalue() == sound[50:250]
    assert listen(rest, prompt, range="bytes=9999-").status_code == 416
    assert listen(rest, prompt, if_none_match=whole["ETag"]).status_code == 304
    assert listen(rest, prompt, range="bytes=0-1", if_range='"other"').status_code == 200
    assert listen(rest, prompt, accept="audio/wav").status_code == 200


def test_there_is_nothing_to_hear_before_it_is_converted(rest, people):
    assert listen(rest, make_prompt("x", people.alpha, sha256="")).status_code == 404


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=10-", (10, 1000)),
        ("bytes=-10", (990, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=990-5000", (990, 1000)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
    ],
)
def test_a_range_is_read_as_http_says(header, part):
    assert parse_range(header, 1000) == part


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header):
    with pytest.raises(NoSuchRange):
        parse_range(header, 1000)
