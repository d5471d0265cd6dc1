# SPDX-License-Identifier: Apache-2.0
from media.control.codecs import DEFAULT_FORMATS
from media.control.directions import Direction
from media.control.local_description import LocalDescription
from media.control.remote_audio import MediaLine, read_remote_audio
from media.control.tests.descriptions import lines_of


def write(local, **changes):
    arguments = {"direction": Direction.SENDRECV, "ptime_ms": 20, "maxptime_ms": None} | changes
    return local.write(DEFAULT_FORMATS, **arguments)


def make():
    return LocalDescription(address="192.0.2.1", port=10000, origin_id=77)


def test_it_writes_a_complete_description():
    assert write(make(), maxptime_ms=60) == (
        "v=0\r\n"
        "o=- 77 1 IN IP4 192.0.2.1\r\n"
        "s=Switchboard\r\n"
        "c=IN IP4 192.0.2.1\r\n"
        "t=0 0\r\n"
        "m=audio 10000 RTP/AVP 0 8 101\r\n"
        "a=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-16\r\n"
        "a=ptime:20\r\n"
        "a=maxptime:60\r\n"
        "a=sendrecv\r\n"
    )


def test_the_version_rises_with_each_change_and_only_then():
    local = make()
    first = write(local)
    assert write(local) == first
    held = write(local, direction=Direction.SENDONLY)
    assert lines_of(held, "o=") == ["o=- 77 2 IN IP4 192.0.2.1"]
    assert lines_of(write(local), "o=") == ["o=- 77 3 IN IP4 192.0.2.1"]


def test_other_media_sections_are_refused_in_their_place():
    lines = (
        MediaLine(media="video", protocol="RTP/AVP", formats=("34", "96")),
        MediaLine(media="audio", protocol="RTP/AVP", formats=("0",)),
        MediaLine(media="image", protocol="udptl", formats=("t38",)),
    )
    text = write(make(), lines=lines, index=1)
    assert lines_of(text, "m=") == [
        "m=video 0 RTP/AVP 34",
        "m=audio 10000 RTP/AVP 0 8 101",
        "m=image 0 udptl t38",
    ]


def test_it_writes_ipv6_addresses_as_such():
    local = LocalDescription(address="2001:db8::1", port=10000, origin_id=1)
    assert lines_of(write(local), "c=") == ["c=IN IP6 2001:db8::1"]


def test_it_can_read_what_it_writes():
    audio = read_remote_audio(write(make()))
    assert audio.formats == DEFAULT_FORMATS
