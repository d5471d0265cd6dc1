# SPDX-License-Identifier: Apache-2.0
"""Session descriptions as phones write them."""

from __future__ import annotations

RTPMAPS = {
    96: "opus/48000/2",
    97: "telephone-event/48000",
    98: "iLBC/8000",
    99: "AMR/8000",
    101: "telephone-event/8000",
    102: "telephone-event/8000",
    110: "AMR/8000",
}


def sdp(
    *payload_types: int,
    host: str = "198.51.100.10",
    port: int = 40000,
    direction: str = "",
    extra: str = "",
    profile: str = "RTP/AVP",
    rtpmaps: dict[int, str] | None = None,
    more_media: str = "",
) -> str:
    """Return a description with one audio stream, by default PCMU, PCMA and telephone-event."""
    numbers = payload_types or (0, 8, 101)
    known = RTPMAPS | (rtpmaps or {})
    lines = [
        "v=0",
        f"o=phone 123456 1 IN IP4 {host}",
        "s=call",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} {profile} {' '.join(map(str, numbers))}",
        *(f"a=rtpmap:{number} {known[number]}" for number in numbers if number in known),
    ]
    if 101 in numbers:
        lines.append("a=fmtp:101 0-15")
    if direction:
        lines.append(f"a={direction}")
    if extra:
        lines.append(extra)
    text = "\r\n".join(lines) + "\r\n"
    return text + more_media


def lines_of(text: str, prefix: str) -> list[str]:
    """Return the lines that start with `prefix`."""
    return [line for line in text.split("\r\n") if line.startswith(prefix)]
