# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.sdp import Connection, SdpError
from media.control.sdp_parser import SdpLimits, parse_sdp
from media.control.tests.descriptions import sdp

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"


def test_it_reads_what_a_phone_writes():
    description = parse_sdp(sdp(0, 101, direction="sendonly"))
    (audio,) = description.media
    assert description.origin.username == "phone"
    assert description.connection == Connection("IP4", "198.51.100.10")
    assert (audio.media, audio.port, audio.protocol, audio.formats) == (
        "audio",
        40000,
        "RTP/AVP",
        ("0", "101"),
    )
    assert audio.attributes == (
        ("rtpmap", "101 telephone-event/8000"),
        ("fmtp", "101 0-15"),
        ("sendonly", None),
    )


def test_it_accepts_bare_line_feeds_and_a_missing_session_name():
    description = parse_sdp("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0")
    assert description.media[0].port == 4000


def test_it_accepts_a_user_name_with_spaces_as_some_phones_write_it():
    assert parse_sdp("v=0\r\no=Jo Doe 1 2 IN IP4 192.0.2.1\r\ns=-\r\n").origin.username == "Jo Doe"


def test_it_keeps_the_connection_of_each_media_section():
    description = parse_sdp(HEAD + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.7\r\nm=video 0 RTP/AVP 31\r\n")
    assert description.media[0].connection == Connection("IP4", "192.0.2.7")
    assert description.media[1].connection is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n",
        "v=0\r\ns=-\r\n",
        "v=0\r\no=- 1 1 IN IP4\r\ns=-\r\n",
        "v=0\r\no=- 1 1 ATM IP4 192.0.2.1\r\ns=-\r\n",
        HEAD + "c=IN IP4\r\n",
        HEAD + "c=IN IP5 192.0.2.1\r\n",
        HEAD + "m=audio 4000 RTP/AVP\r\n",
        HEAD + "m=audio 70000 RTP/AVP 0\r\n",
        HEAD + "m=audio -1 RTP/AVP 0\r\n",
        HEAD + "m=audio 4٠00 RTP/AVP 0\r\n",
        HEAD + "x=1\r\n",
        HEAD + "v=0\r\n",
        HEAD + "s=again\r\n",
        HEAD + "no type\r\n",
        HEAD + "a=\r\n",
        HEAD + "a=two words:1\r\n",
        HEAD + "m=audio 4000 RTP/AVP 0\r\nt=0 0\r\n",
        HEAD + "\r\na=sendrecv\r\n",
        HEAD + "a=nul:\0\r\n",
        HEAD + "a=half\rline\r\n",
    ],
)
def test_it_refuses_what_is_malformed(text):
    with pytest.raises(SdpError):
        parse_sdp(text)


@pytest.mark.parametrize("line", ["a= crypto:1 {}", "acrypto:1 {}", "y=inline:{}"])
def test_it_tells_where_a_fault_is_and_quotes_no_key(line):
    with pytest.raises(SdpError) as error:
        parse_sdp(HEAD + line.format("inline:c2VjcmV0") + "\r\n")
    assert "line 4 " in str(error.value)
    assert "c2V" not in str(error.value)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (SdpLimits(characters=100), HEAD + "a=x:" + "y" * 100 + "\r\n"),
        (SdpLimits(lines=4), HEAD + "a=x\r\n" * 2),
        (SdpLimits(line_characters=64), HEAD + "a=x:" + "y" * 100 + "\r\n"),
        (SdpLimits(media=2), HEAD + "m=audio 4000 RTP/AVP 0\r\n" * 3),
        (SdpLimits(formats=3), HEAD + "m=audio 4000 RTP/AVP 0 8 18 9\r\n"),
        (SdpLimits(attributes=2), HEAD + "a=x\r\n" * 3),
        (SdpLimits(attributes=2), HEAD + "m=audio 4000 RTP/AVP 0\r\n" + "a=x\r\n" * 3),
    ],
)
def test_it_refuses_what_exceeds_a_limit(limits, text):
    assert parse_sdp(text)
    with pytest.raises(SdpError):
        parse_sdp(text, limits)
