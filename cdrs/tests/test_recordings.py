# SPDX-License-Identifier: Apache-2.0
"""Recordings in REST and on the pages: who listens, what is noted, what is deleted, what is not here."""

import os
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import People, make_people
from accounts.tests.rest import Rest
from cdrs.models import CDR, Recording
from cdrs.recordings import files, retention
from cdrs.recordings.files import is_file_name
from cdrs.tasks import prune_recordings
from cdrs.tests.factories import make_call
from cdrs.tests.recordings import make_recording, path_of, sound

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, settings) -> Path:
    path = tmp_path / "recordings"
    settings.RECORDINGS_PATH = path
    return path


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def call(people: People) -> CDR:
    return make_call(account=people.alpha)


@pytest.fixture
def recording(call: CDR) -> Recording:
    return make_recording(call)


def page(people: People, person: str, name: str, *args: object, **query: str):
    client = Client()
    client.force_login(people[person])
    return client.get(reverse(f"admin:{name}", args=args), query)


# --- Listening -------------------------------------------------------------------------------------------------------


def test_the_sound_is_sent_whole_and_in_parts(people: People, recording: Recording) -> None:
    rest, path = Rest(people.token("bob")), f"recordings/{recording.pk}/audio"
    whole = rest._client.get(f"/api/v1/{path}", headers=rest._headers)
    assert (whole.status_code, whole["Content-Type"]) == (200, "audio/wav")
    assert whole.getvalue() == sound()
    assert f'filename="recording-{recording.pk}.wav"' in whole["Content-Disposition"]
    headers = {**rest._headers, "range": "bytes=4-7", "if-range": whole["ETag"]}
    part = rest._client.get(f"/api/v1/{path}", headers=headers)
    assert (part.status_code, part.getvalue()) == (206, sound()[4:8])
    assert part["Content-Range"] == f"bytes 4-7/{len(sound())}"
    last = rest._client.get(f"/api/v1/{path}", headers={**rest._headers, "range": "bytes=-3"})
    assert last.getvalue() == sound()[-3:]
    beyond = rest._client.get(f"/api/v1/{path}", headers={**rest._headers, "range": "bytes=999999-"})
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(sound())}")
    same = rest._client.get(f"/api/v1/{path}", headers={**rest._headers, "if-none-match": whole["ETag"]})
    assert same.status_code == 304


def test_who_listens_is_noted_once_for_all_parts_that_a_player_asks_for(
    people: People, recording: Recording
) -> None:
    client = Client()
    client.force_login(people["alice"])
    url = reverse("admin:cdrs_recording_audio", args=[recording.pk])
    for headers in ({"range": "bytes=0-"}, {"range": "bytes=100-"}, {}):
        assert client.get(url, headers=headers).getvalue()
    client.get(f"{url}?download").getvalue()
    noted = LogEntry.objects.filter(object_id=str(recording.pk)).order_by("pk")
    assert [(entry.user.username, entry.action_flag, entry.change_message) for entry in noted] == [
        ("alice", CHANGE, "Listened to it."),
        ("alice", CHANGE, "Downloaded it."),
    ]


@pytest.mark.parametrize("name", ["cdrs_recording_audio", "cdrs_recording_change"])
def test_who_may_only_see_calls_neither_listens_nor_learns_of_recordings(
    people: People, call: CDR, recording: Recording, name: str
) -> None:
    assert page(people, "bob", name, recording.pk).status_code == 200
    assert page(people, "vera", name, recording.pk).status_code in (302, 403, 404)
    assert page(people, "charlie", name, recording.pk).status_code in (302, 403, 404)
    assert str(recording.pk) not in page(people, "vera", "cdrs_cdr_change", call.pk).content.decode()
    text = page(people, "vera", "cdrs_cdr_changelist", recorded="yes").content.decode()
    assert 'name="recorded"' not in text
    assert Rest(people.token("vera")).get("cdrs", recorded="true").body["results"] == []


def test_a_file_that_is_not_on_this_host_is_said_so(people: People, call: CDR) -> None:
    elsewhere = make_recording(call, content=b"", size_bytes=4044)
    text = page(people, "alice", "cdrs_cdr_change", call.pk).content.decode()
    assert "The file is not on this host" in text and "<audio" not in text
    rest = Rest(people.token("alice"))
    answer = rest.get(f"recordings/{elsewhere.pk}/audio")
    assert answer.status == 404 and "not on this host" in answer.body["error"]
    row = rest.get(f"recordings/{elsewhere.pk}").body
    assert (row["here"], row["size_bytes"]) == (False, 4044)
    assert not LogEntry.objects.exists(), "nothing was listened to"


# --- Lists -----------------------------------------------------------------------------------------------------------


def test_the_page_of_a_call_plays_its_recording_and_leads_to_it(
    people: People, call: CDR, recording: Recording
) -> None:
    text = page(people, "bob", "cdrs_cdr_change", call.pk).content.decode()
    url = reverse("admin:cdrs_recording_audio", args=[recording.pk])
    assert f'src="{url}"' in text and f'href="{url}?download"' in text
    assert reverse("admin:cdrs_recording_change", args=[recording.pk]) in text


def test_an_interrupted_recording_says_so_and_is_as_long_as_its_file(people: People, call: CDR) -> None:
    detail = "the RTP manager was lost"
    kept = {"state": "interrupted", "detail": detail, "duration_ms": None, "size_bytes": None}
    cut = make_recording(call, content=sound(2500), **kept)
    text = page(people, "alice", "cdrs_cdr_change", call.pk).content.decode()
    assert "Interrupted: what was recorded until then is here (the RTP manager was lost)." in text
    row = Rest(people.token("alice")).get(f"recordings/{cut.pk}").body
    assert (row["duration_ms"], row["size_bytes"]) == (2500, len(sound(2500)))


def test_calls_are_found_by_whether_they_were_recorded(
    people: People, call: CDR, recording: Recording
) -> None:
    silent = make_call(account=people.alpha)
    rest = Rest(people.token("bob"))
    for recorded, found in (("true", call), ("false", silent)):
        ids = [row["id"] for row in rest.get("cdrs", recorded=recorded).body["results"]]
        assert ids == [str(found.pk)]
    shown = page(people, "bob", "cdrs_cdr_changelist", recorded="yes").content.decode()
    assert str(call.pk) in shown and str(silent.pk) not in shown


def test_the_list_is_filtered_by_call_and_state(people: People, call: CDR, recording: Recording) -> None:
    other = make_recording(make_call(account=people.alpha), state="failed")
    rest = Rest(people.token("alice"))
    assert [row["id"] for row in rest.get("recordings", call=str(call.pk)).body["results"]] == [
        str(recording.pk)
    ]
    assert [row["id"] for row in rest.get("recordings", state="failed").body["results"]] == [str(other.pk)]
    assert rest.get("recordings", colour="red").status == 400


# --- Deletion --------------------------------------------------------------------------------------------------------


def test_rest_deletes_row_and_file_and_notes_who_did(people: People, recording: Recording) -> None:
    assert Rest(people.token("bob")).delete(f"recordings/{recording.pk}").status == 403
    assert path_of(recording).exists()
    assert Rest(people.token("alice")).delete(f"recordings/{recording.pk}").status == 204
    assert not path_of(recording).exists() and not Recording.objects.exists()
    (entry,) = LogEntry.objects.all()
    assert (entry.user.username, entry.action_flag) == ("alice", DELETION)


def test_the_admin_deletes_rows_and_files_one_and_many(people: People, call: CDR) -> None:
    one, two, three = (make_recording(call) for _ in range(3))
    client = Client()
    client.force_login(people["alice"])
    client.post(reverse("admin:cdrs_recording_delete", args=[one.pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [str(two.pk), str(three.pk)], "post": "yes"}
    client.post(reverse("admin:cdrs_recording_changelist"), chosen)
    assert not Recording.objects.exists()
    assert not any(path_of(each).exists() for each in (one, two, three))
    assert LogEntry.objects.filter(action_flag=DELETION).count() == 3


def test_a_file_that_cannot_be_deleted_keeps_its_row(
    people: People, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "remove", refuse)
    answer = Rest(people.token("alice")).delete(f"recordings/{recording.pk}")
    assert (answer.status, "Permission denied" in answer.body["error"]) == (409, True)
    client = Client()
    client.force_login(people["alice"])
    client.post(reverse("admin:cdrs_recording_delete", args=[recording.pk]), {"post": "yes"})
    assert Recording.objects.filter(pk=recording.pk).exists()


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "../x.wav", "/etc/x.wav", "a/../b.wav", "x.mp3", None, "a\n.wav", ".wav", "a/b/c/d/e/f.wav"]
)
def test_no_name_leads_out_of_the_directory(name: object) -> None:
    assert not is_file_name(name)
    assert files.remove(name) is False  # type: ignore[arg-type]


def test_an_empty_directory_goes_with_its_last_file(call: CDR, directory: Path) -> None:
    one, two = make_recording(call), make_recording(call)
    assert files.remove(one.file) and path_of(two).exists()
    assert files.remove(two.file) and list(directory.iterdir()) == []
    assert files.remove(two.file) is False


# --- Retention -------------------------------------------------------------------------------------------------------


def test_old_recordings_are_deleted_with_their_files_in_batches(
    call: CDR, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    old = [make_recording(call, began_at=timezone.now() - timedelta(days=8)) for _ in range(5)]
    path_of(old[0]).unlink()
    young = make_recording(call, began_at=timezone.now() - timedelta(days=6))
    settings.RECORDING_RETENTION_DAYS = 0
    assert prune_recordings()["deleted"] == 0
    settings.RECORDING_RETENTION_DAYS = 7
    assert prune_recordings() == {
        "deleted": 5,
        "files": 4,
        "failed": 0,
        "orphans": 0,
        "orphans_deleted": 0,
    }
    assert list(Recording.objects.all()) == [young] and path_of(young).exists()


def test_a_file_that_cannot_be_removed_keeps_its_row_and_holds_up_no_other(
    call: CDR, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = (make_recording(call, began_at=timezone.now() - timedelta(days=9)) for _ in range(2))
    remove = files.remove

    def refuse(name: str) -> bool:
        if name == stuck.file:
            raise PermissionError(13, "Permission denied")
        return remove(name)

    monkeypatch.setattr(files, "remove", refuse)
    done = retention.prune(7)
    assert (done.deleted, done.failed) == (1, 1)
    assert list(Recording.objects.all()) == [stuck] and not path_of(other).exists()


def test_files_without_a_row_are_counted_and_deleted_when_they_are_old(directory: Path, call: CDR) -> None:
    known = make_recording(call)
    ages_days = {"new": 0, "quiet": 3, "old": 30}
    for name, age in ages_days.items():
        path = directory / str(uuid.uuid4()) / f"{name}.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(sound())
        moment = time.time() - age * 86400
        os.utime(path, (moment, moment))
    done = retention.prune(0)
    assert (done.orphans, done.orphans_deleted) == (2, 0)
    done = retention.prune(7)
    assert (done.orphans, done.orphans_deleted) == (2, 1)
    assert sorted(path.stem for path in directory.glob("*/*.wav")) == ["new", "quiet"]
    assert path_of(known).exists()
