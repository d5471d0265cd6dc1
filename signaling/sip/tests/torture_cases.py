# SPDX-License-Identifier: Apache-2.0
"""What must become of each message of RFC 4475 and RFC 5118: the layer that refuses it and the status.

A table only, for the parser tests here and for the user agent tests above. A status of None means that no
answer is sent: the message is accepted, or it is a response, or it cannot be answered.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

TORTURE = Path(__file__).parent / "torture"


class Layer(enum.Enum):
    """The layer that has the last word on a message."""

    PARSER = "parse_message raises"
    CHECK = "check_request or check_response raises"
    TRANSACTION = "matches nothing and is dropped"
    USER_AGENT = "reaches the user agent, which refuses it"
    ACCEPTED = "is acted on"


@dataclass(frozen=True, slots=True)
class TortureCase:
    """One message of the corpus."""

    name: str
    layer: Layer
    status: int | None
    why: str
    corpus: str = "rfc4475"

    @property
    def data(self) -> bytes:
        """The bytes of the message."""
        return (TORTURE / self.corpus / f"{self.name}.dat").read_bytes()


P, C, T, U, A = Layer.PARSER, Layer.CHECK, Layer.TRANSACTION, Layer.USER_AGENT, Layer.ACCEPTED

RFC_4475 = (
    # 3.1.1 valid messages
    TortureCase("wsinv", A, None, "folds, spaces around every separator, mixed case, compact forms"),
    TortureCase("intmeth", U, 405, "every legal character; the method is unknown"),
    TortureCase("esc01", A, None, "escapes in URIs are decoded once"),
    TortureCase("escnull", A, None, "escaped NUL in the user part"),
    TortureCase("esc02", U, 405, "% is no escape in a method or header name; the method is unknown"),
    TortureCase("lwsdisp", A, None, "no space between display name and <"),
    TortureCase("longreq", A, None, "long values, 34 Via lines"),
    TortureCase("dblreq", A, None, "bytes after Content-Length are dropped"),
    TortureCase("semiuri", A, None, "semicolon in the user part is no parameter"),
    TortureCase("transports", A, None, "unknown transports in Via"),
    TortureCase("mpart01", A, None, "binary multipart body"),
    TortureCase("unreason", A, None, "UTF-8 reason phrase"),
    TortureCase("noreason", A, None, "empty reason phrase"),
    # 3.1.2 invalid messages
    TortureCase("badinv01", C, 400, "empty parameters in Via and Contact"),
    TortureCase("clerr", P, 400, "Content-Length larger than the datagram"),
    TortureCase("ncl", P, 400, "negative Content-Length"),
    TortureCase("scalar02", C, 400, "CSeq and Max-Forwards out of range"),
    TortureCase("scalarlg", C, None, "response with CSeq out of range: dropped"),
    TortureCase("quotbal", C, 400, "open quote in To"),
    TortureCase("ltgtruri", C, 400, "angle brackets around the Request-URI"),
    TortureCase("lwsruri", P, 400, "space inside the Request-URI"),
    TortureCase("lwsstart", P, 400, "two spaces in the request line"),
    TortureCase("trws", P, 400, "spaces after the request line"),
    TortureCase("escruri", C, 400, "headers in the Request-URI"),
    TortureCase("baddate", A, None, "Date is not used, so its zone does no harm"),
    TortureCase("regbadct", C, 400, "Contact with headers outside angle brackets"),
    TortureCase("badaspec", C, 400, "spaces inside angle brackets"),
    TortureCase("baddn", C, 400, "comma in an unquoted display name"),
    TortureCase("badvers", P, 505, "SIP/7.0"),
    TortureCase("mismatch01", C, 400, "CSeq names another method"),
    TortureCase("mismatch02", C, 400, "CSeq names another method than an unknown one"),
    TortureCase("bigcode", P, None, "status code out of range: dropped"),
    # 3.2 transaction layer
    TortureCase("badbranch", A, None, "a branch of the magic cookie alone is matched as in RFC 2543"),
    # 3.3 application layer
    TortureCase("insuf", C, 400, "no Call-ID, From or To"),
    TortureCase("unkscm", C, 416, "unknown scheme in the Request-URI"),
    TortureCase("novelsc", C, 416, "scheme of another protocol in the Request-URI"),
    TortureCase("unksm2", U, 404, "the address of record is no SIP URI"),
    TortureCase("bext01", U, 420, "unknown option tags in Require"),
    TortureCase("invut", U, 415, "unknown Content-Type"),
    TortureCase("regaut01", U, 401, "unknown authentication scheme"),
    TortureCase("multi01", C, 400, "repeated Call-ID, CSeq, From, To and Max-Forwards"),
    TortureCase("mcl01", P, 400, "two Content-Length values"),
    TortureCase("bcast", T, None, "response whose Via is not ours"),
    TortureCase("zeromf", A, None, "OPTIONS with Max-Forwards 0 is answered by the element it reached"),
    TortureCase("cparam01", A, None, "parameter of the Contact header"),
    TortureCase("cparam02", A, None, "parameter of the Contact URI"),
    TortureCase("regescrt", A, None, "escaped Route in a Contact URI"),
    TortureCase("sdp01", U, 406, "Accept without application/sdp"),
    # 3.4 backward compatibility
    TortureCase("inv2543", A, None, "no branch, no Max-Forwards, no Contact, no From tag"),
)

V6 = "rfc5118"
RFC_5118 = (
    TortureCase("ipv6-good", A, None, "IPv6 references", V6),
    TortureCase("ipv6-bad", C, 400, "IPv6 address without brackets", V6),
    TortureCase("port-ambiguous", A, None, "the last group is no port", V6),
    TortureCase("port-unambiguous", A, None, "port after the brackets", V6),
    TortureCase("via-received-param-with-delim", A, None, "received in brackets", V6),
    TortureCase("via-received-param-no-delim", A, None, "received without brackets", V6),
    TortureCase("ipv6-in-sdp", A, None, "IPv6 in the body", V6),
    TortureCase("mult-ip-in-header", A, None, "both families in Via", V6),
    TortureCase("mult-ip-in-sdp", A, None, "both families in the body", V6),
    TortureCase("ipv4-mapped-ipv6", A, None, "IPv4-mapped addresses", V6),
    TortureCase("ipv6-bug-abnf-3-colons", C, 400, "three colons", V6),
    TortureCase("ipv6-correct-abnf-2-colons", A, None, "IPv4 in the last 32 bits", V6),
)

TORTURE_CASES = RFC_4475 + RFC_5118
