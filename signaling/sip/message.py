# SPDX-License-Identifier: Apache-2.0
"""SIP requests and responses (RFC 3261 section 7).

Knows no bytes on the wire but its own output (`parser` reads) and no transaction. Header values are parsed
when first asked for and remembered until the headers change. Invariant: what `to_bytes` writes is one
message, whatever values it was built from, because no part of it can hold a line end.
"""

from __future__ import annotations

import re
from typing import Literal

from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.grammar import TOKEN, bad_request, clamp_uint, parse_uint, split_outside
from signaling.sip.headers import Headers
from signaling.sip.phrases import REASON_PHRASES
from signaling.sip.uri import SipUri
from signaling.sip.values import MAX_EXPIRES_S, CSeq, NameAddr, Via

STAR: Literal["*"] = "*"
"""The value of `contacts` for "Contact: *", which removes every binding (RFC 3261 10.2.2)."""

MAX_FORWARDS = 255
"""RFC 3261 20.22."""

DIALOG_FORMING_METHODS = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
"""Methods whose responses carry Record-Route (RFC 3261 12.1.1, RFC 6665, RFC 3515)."""

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+ */ *[A-Za-z0-9\-.!%*_+`'~]+")
_CALL_ID = re.compile(r"[!-~]+")
_SDP = "application/sdp"


class SipMessage:
    """What requests and responses share. `headers` and `body` may be changed in place."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body

    @property
    def call_id(self) -> str:
        """The Call-ID; raises RemoteProtocolError(400) when absent or not printable ASCII without spaces."""
        headers = self.headers
        value: str | None = headers.memo.get("Call-ID")
        if value is None:
            value = self._required("Call-ID")
            if _CALL_ID.fullmatch(value) is None:
                raise bad_request("bad Call-ID")
            headers.memo["Call-ID"] = value
        return value

    @property
    def cseq(self) -> CSeq:
        """The CSeq; raises RemoteProtocolError(400) when absent or malformed."""
        headers = self.headers
        value: CSeq | None = headers.memo.get("CSeq")
        if value is None:
            value = headers.memo["CSeq"] = CSeq.parse(self._required("CSeq"))
        return value

    @property
    def from_(self) -> NameAddr:
        """The From; raises RemoteProtocolError(400) when absent or malformed."""
        value: NameAddr | None = self.headers.memo.get("From")
        return self._name_addr("From") if value is None else value

    @property
    def to(self) -> NameAddr:
        """The To; raises RemoteProtocolError(400) when absent or malformed."""
        value: NameAddr | None = self.headers.memo.get("To")
        return self._name_addr("To") if value is None else value

    @property
    def top_via(self) -> Via:
        """The first Via; raises RemoteProtocolError(400) when absent or malformed."""
        headers = self.headers
        value: Via | None = headers.memo.get("top Via")
        if value is None:
            line = self._required("Via")
            if "," in line:
                line = split_outside(line, ",")[0]
            value = headers.memo["top Via"] = Via.parse(line)
        return value

    @property
    def vias(self) -> list[Via]:
        """Every Via from the top; raises RemoteProtocolError(400) when one is malformed. Not to be changed."""
        headers = self.headers
        value: list[Via] | None = headers.memo.get("Via")
        if value is None:
            value = headers.memo["Via"] = [
                Via.parse(part)
                for line in headers.get_all("Via")
                for part in (split_outside(line, ",") if "," in line else (line,))
            ]
        return value

    @property
    def contacts(self) -> list[NameAddr] | Literal["*"]:
        """The Contact values or STAR; raises RemoteProtocolError(400) when malformed. Not to be changed."""
        lines = self.headers.fields.get("Contact")
        if lines and lines[0] == STAR:
            if len(lines) > 1:
                raise bad_request("Contact * beside others")
            return STAR
        return self.name_addrs("Contact")

    @property
    def routes(self) -> list[NameAddr]:
        """The Route values; raises RemoteProtocolError(400) when malformed. Not to be changed."""
        return self.name_addrs("Route")

    @property
    def record_routes(self) -> list[NameAddr]:
        """The Record-Route values; raises RemoteProtocolError(400) when malformed. Not to be changed."""
        return self.name_addrs("Record-Route")

    @property
    def content_type(self) -> str | None:
        """The media type in lower case without parameters, such as "application/sdp"; None when absent."""
        value = self.headers.get("Content-Type")
        if value is None:
            return None
        if value == _SDP:
            return value
        media_type = value.partition(";")[0].rstrip(" \t")
        if _MEDIA_TYPE.fullmatch(media_type) is None:
            raise bad_request("bad Content-Type")
        return media_type.replace(" ", "").lower()

    @property
    def max_forwards(self) -> int | None:
        """0 to 255, None when absent; raises RemoteProtocolError(400) otherwise."""
        value = self.headers.get("Max-Forwards")
        return None if value is None else parse_uint(value, MAX_FORWARDS, "Max-Forwards")

    @property
    def expires(self) -> int | None:
        """The Expires header in seconds, at most MAX_EXPIRES_S; None when absent, 400 when no number."""
        value = self.headers.get("Expires")
        return None if value is None else clamp_uint(value, MAX_EXPIRES_S, "Expires")

    def name_addrs(self, name: str) -> list[NameAddr]:
        """Return the values of an address-list header; raise RemoteProtocolError(400) when malformed."""
        headers = self.headers
        key = "list " + name
        value: list[NameAddr] | None = headers.memo.get(key)
        if value is None:
            value = headers.memo[key] = [NameAddr.parse(each) for each in headers.get_list(name)]
        return value

    def replace_top_via(self, via: Via) -> None:
        """Put `via` in place of the first Via; raise RemoteProtocolError(400) when there is none."""
        line = self._required("Via")
        rest = split_outside(line, ",")[1:] if "," in line else []
        values = [str(via), *rest, *self.headers.fields["Via"][1:]]
        self.headers.set_all("Via", values)
        self.headers.memo["top Via"] = via

    def remove_top_via(self) -> None:
        """Drop the first Via, as a forwarder of responses does; raise RemoteProtocolError(400) when none."""
        line = self._required("Via")
        rest = split_outside(line, ",")[1:] if "," in line else []
        self.headers.set_all("Via", [*rest, *self.headers.fields["Via"][1:]])

    def to_bytes(self) -> bytes:
        """Write the message, with the Content-Length of its body."""
        start_line = self._start_line()
        if "\r" in start_line or "\n" in start_line:
            raise LocalProtocolError("a start line must not hold a line end")
        lines = [start_line]
        for name, values in self.headers.fields.items():
            if name == "Content-Length":
                continue
            if len(values) == 1:
                lines.append(f"{name}: {values[0]}")
            else:
                lines += [f"{name}: {value}" for value in values]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "replace") + self.body

    def _start_line(self) -> str:
        """Return the first line without its line end; both kinds of message define it."""
        raise NotImplementedError

    def _required(self, name: str) -> str:
        values = self.headers.fields.get(name)
        if not values:
            raise bad_request(f"{name} is missing")
        return values[0]

    def _name_addr(self, name: str) -> NameAddr:
        value = self.headers.memo[name] = NameAddr.parse(self._required(name))
        return value


class SipRequest(SipMessage):
    """A request. A Request-URI that came from the wire is parsed when first asked for."""

    __slots__ = ("_uri", "_uri_text", "method")

    def __init__(self, method: str, uri: SipUri, headers: Headers, body: bytes = b"") -> None:
        if TOKEN.fullmatch(method) is None:
            raise LocalProtocolError(f"not a method: {method!r}")
        self.method = method
        self._uri: SipUri | None = uri
        self._uri_text = ""
        self.headers = headers
        self.body = body

    @classmethod
    def from_wire(cls, method: str, uri_text: str, headers: Headers, body: bytes) -> SipRequest:
        """Build a request whose method is a token and whose URI is still text without spaces."""
        request = cls.__new__(cls)
        request.method = method
        request._uri = None
        request._uri_text = uri_text
        request.headers = headers
        request.body = body
        return request

    @property
    def uri(self) -> SipUri:
        """The Request-URI; raises RemoteProtocolError 400 when malformed, 414 when too long."""
        if self._uri is None:
            self._uri = SipUri.parse(self._uri_text)
        return self._uri

    @uri.setter
    def uri(self, uri: SipUri) -> None:
        self._uri = uri

    def copy(self) -> SipRequest:
        """Return a copy whose headers may be changed apart from this one's."""
        request = SipRequest.from_wire(self.method, self._uri_text, self.headers.copy(), self.body)
        request._uri = self._uri
        return request

    def response(self, status: int, reason: str | None = None, *, to_tag: str | None = None) -> SipResponse:
        """Return a response to this request (RFC 3261 8.2.6).

        Via, From, To, Call-ID and CSeq are copied as they came, so that even a malformed request is answered;
        `to_tag` is added to a To without a tag; Record-Route is copied to the responses that make dialogs.
        """
        source = self.headers.fields
        fields = {name: source[name][:] for name in _ANSWERED if name in source}
        if to_tag is not None and "To" in fields:
            fields["To"][0] = self._to_with_tag(fields["To"][0], to_tag)
        if 100 < status < 300 and "Record-Route" in source and self.method in DIALOG_FORMING_METHODS:
            fields["Record-Route"] = source["Record-Route"][:]
        if status == 100 and "Timestamp" in source:
            fields["Timestamp"] = source["Timestamp"][:1]
        return SipResponse(status, reason, Headers.from_fields(fields))

    def _to_with_tag(self, line: str, tag: str) -> str:
        if TOKEN.fullmatch(tag) is None:
            raise LocalProtocolError(f"not a tag: {tag!r}")
        if "tag" not in line.lower():
            return f"{line};tag={tag}"
        try:
            return line if self.to.tag else str(self.to.with_tag(tag))
        except RemoteProtocolError:
            return line

    def _start_line(self) -> str:
        return f"{self.method} {self._uri_text if self._uri is None else self._uri} SIP/2.0"

    def __repr__(self) -> str:
        return f"<SipRequest {self.method} {self._uri_text if self._uri is None else self._uri}>"


class SipResponse(SipMessage):
    """A response. A `reason` of None takes the phrase of REASON_PHRASES."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str | None, headers: Headers, body: bytes = b"") -> None:
        if not 100 <= status <= 699:
            raise LocalProtocolError(f"not a status: {status}")
        self.status = status
        self.reason = REASON_PHRASES.get(status, "Unknown") if reason is None else reason
        self.headers = headers
        self.body = body

    def copy(self) -> SipResponse:
        """Return a copy whose headers may be changed apart from this one's."""
        return SipResponse(self.status, self.reason, self.headers.copy(), self.body)

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<SipResponse {self.status} {self.reason}>"


_ANSWERED = ("Via", "From", "To", "Call-ID", "CSeq")
