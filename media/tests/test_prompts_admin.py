# SPDX-License-Identifier: Apache-2.0
"""Pages and commands of prompts."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.tests.people import make_people
from dialplan.engine import DialplanError, parse_document
from dialplan.files import import_document
from dialplan.models import Route
from media.models import Prompt, Status
from media.prompts import conversion
from media.prompts.drawing import waveform
from media.tests.factories import make_prompt, wav_file, write_sound

pytestmark = pytest.mark.django_db
PLAY = [{"type": "play_audio", "params": {"file": "hours"}}]


@pytest.fixture
def people():
    return make_people()


def as_person(people, name):
    client = Client()
    client.force_login(people[name])
    return client


def url(page, *args):
    return reverse(f"admin:media_prompt_{page}", args=args)


def test_a_sound_is_uploaded_and_heard(people):
    client = as_person(people, "alice")
    form = {"name": "hours", "account": str(people.alpha.pk), "file": wav_file()}
    assert client.post(url("add"), form).status_code == 302
    page = client.get(url("changelist"))
    assert page["Refresh"] == "2"
    assert "Converting" in page.content.decode()
    conversion.convert_waiting()
    page = client.get(url("changelist"))
    assert "Refresh" not in page
    prompt = Prompt.objects.get()
    audio = url("audio", prompt.pk)
    assert f'src="{audio}"' in page.content.decode()
    part = client.get(audio, headers={"range": "bytes=0-3"})
    assert (part.status_code, part.getvalue()) == (206, b"RIFF")
    assert as_person(people, "charlie").get(audio).status_code == 404
    assert as_person(people, "bob").get(audio).status_code == 404
    assert Client().get(audio).status_code == 302


def test_a_form_without_or_with_a_bad_file_says_so(people):
    client = as_person(people, "alice")
    form = {"name": "hours", "account": str(people.alpha.pk)}
    assert "required" in client.post(url("add"), form).content.decode()
    bad = client.post(url("add"), {**form, "file": wav_file(data=b"%PDF-1.4 " + bytes(50))})
    assert "This is no sound file" in bad.content.decode()
    assert not Prompt.objects.exists()


def test_a_prompt_is_renamed_without_another_file(people):
    prompt = make_prompt("hours", people.alpha)
    client = as_person(people, "alice")
    assert client.post(url("change", prompt.pk), {"name": "times"}).status_code == 302
    prompt.refresh_from_db()
    assert (prompt.name, prompt.status) == ("times", Status.READY)


def test_a_deletion_is_refused_and_names_the_route(people):
    prompt = make_prompt("hours", people.alpha)
    Route.objects.create(id="r1", account=people.alpha, name="Opening", pattern="5", actions=PLAY)
    client = as_person(people, "alice")
    for page in (
        client.post(url("delete", prompt.pk), {"post": "yes"}),
        client.post(
            url("changelist"),
            {"action": "delete_selected", "_selected_action": str(prompt.pk), "post": "yes"},
        ),
    ):
        assert "Opening" in page.content.decode()
    assert Prompt.objects.exists()
    assert "Opening" in client.get(url("change", prompt.pk)).content.decode()
    people.alpha.delete()
    assert not Prompt.objects.exists()


def test_a_prompt_that_failed_says_why(people):
    prompt = make_prompt("hours", people.alpha, sha256="", status=Status.FAILED, error="it is <b>AIFF</b>")
    page = as_person(people, "alice").get(url("change", prompt.pk)).content.decode()
    assert "Not usable: it is &lt;b&gt;AIFF&lt;/b&gt;." in page


def test_the_picture_has_a_bar_for_each_part():
    drawn = waveform([0, 100, 50], 'Loudness of "x"')
    assert drawn.count("v") >= 3 and "v40" in drawn and "&quot;x&quot;" in drawn


def test_an_import_names_the_route_and_field_of_a_prompt_that_is_missing(people):
    route = {"id": "r1", "name": "r", "pattern": "5", "actions": [{"type": "echo"}, *PLAY]}
    document = parse_document({"routes": [route]})
    make_prompt("hours", people.beta)
    with pytest.raises(DialplanError) as caught:
        import_document(document, people.alpha)
    (problem,) = caught.value.errors
    assert (problem.route, problem.field) == ("r1", "routes[0].actions[1].params.file")
    assert import_document(document, people.beta).created == 1


def test_files_of_rtp_managers_that_are_not_here_are_believed_when_a_setting_says_so(settings):
    route = {"id": "r1", "name": "r", "pattern": "5"}
    for name, accepted in (("own/greeting.wav", True), ("greeting", False)):
        actions = [{"type": "play_audio", "params": {"file": name}}]
        document = parse_document({"routes": [{**route, "actions": actions}]})
        settings.AUDIO_FILES_ELSEWHERE = False
        with pytest.raises(DialplanError):
            import_document(document, None)
        settings.AUDIO_FILES_ELSEWHERE = True
        if accepted:
            import_document(document, None)
        else:
            with pytest.raises(DialplanError):
                import_document(document, None)


def run(capsys, *words):
    call_command("prompts", *words, "--json")
    return json.loads(capsys.readouterr().out)


def test_the_command_adds_lists_and_removes(people, tmp_path, capsys):
    domain = people.alpha.domain
    path = write_sound(tmp_path / "hours.flac", kind="FLAC")
    (made,) = run(capsys, "add", str(path), "--account", domain)
    assert (made["name"], made["status"], made["source_format"]) == (
        "hours",
        "ready",
        "FLAC, 44100 Hz, stereo",
    )
    assert [row["id"] for row in run(capsys, "list", "--account", domain)] == [made["id"]]
    (again,) = run(capsys, "add", str(path), "--account", domain)
    assert again["id"] == made["id"]
    Route.objects.create(id="r1", account=people.alpha, name="Opening", pattern="5", actions=PLAY)
    with pytest.raises(CommandError, match="Opening"):
        run(capsys, "remove", "hours", "--account", domain)
    Route.objects.all().delete()
    run(capsys, "remove", "hours", "--account", domain)
    assert run(capsys, "list") == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "missing.wav", "--shared"], "cannot be read"),
        (["add", "{bad}", "--shared"], "no sound file"),
        (["add", "{broken}", "--shared"], "cannot be used"),
        (["add", "{bad}", "--shared", "--account", "x"], "exclude"),
        (["remove", "none", "--shared"], "no prompt none"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(people, tmp_path, words, says):
    (tmp_path / "bad").write_bytes(b"nothing of that kind")
    (tmp_path / "broken").write_bytes(b"fLaC and nothing more")
    words = [word.format(bad=tmp_path / "bad", broken=tmp_path / "broken") for word in words]
    with pytest.raises(CommandError, match=says):
        call_command("prompts", *words)
