# SPDX-License-Identifier: Apache-2.0
"""Digest: the vectors of RFC 2617, RFC 7616 and RFC 8760's algorithms, and hostile credentials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signaling.sip import (
    Challenge,
    Credentials,
    LocalProtocolError,
    RemoteProtocolError,
    compute_ha1,
    compute_response,
)

# RFC 7616 section 3.9.1.
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
REALM = "http-auth@example.org"


def credentials(**changes: object) -> Credentials:
    plain = Credentials(
        username="Mufasa",
        realm=REALM,
        nonce=NONCE,
        uri="/dir/index.html",
        response="8ca523f5e9506fed4657c9700eebdbec",
        algorithm="MD5",
        cnonce=CNONCE,
        nc=1,
        qop="auth",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_it_computes_the_vectors_of_rfc_7616(algorithm: str, expected: str) -> None:
    ha1 = compute_ha1("Mufasa", REALM, "Circle of Life", algorithm)
    response = compute_response(ha1, "GET", "/dir/index.html", NONCE, "00000001", CNONCE, "auth", algorithm)
    assert response == expected


def test_it_computes_the_vector_of_rfc_2617() -> None:
    ha1 = compute_ha1("Mufasa", "testrealm@host.com", "Circle Of Life", "MD5")
    assert ha1 == "939e7578ed9e3c518a452acee763bce9"
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    response = compute_response(ha1, "GET", "/dir/index.html", nonce, "00000001", "0a4f113b", "auth", "MD5")
    assert response == "6629fae49393a05397450978507c4ef1"


def test_it_computes_without_qop_as_in_rfc_2069() -> None:
    # The example of RFC 2069 section 2.4 with its erratum 749.
    ha1 = compute_ha1("Mufasa", "testrealm@host.com", "CircleOfLife", "MD5")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    assert (
        compute_response(ha1, "GET", "/dir/index.html", nonce, None, None, None, "MD5")
        == "1949323746fe6a43ef61f9606e7febea"
    )


def test_auth_int_covers_the_body() -> None:
    ha1 = compute_ha1("bob", "biloxi.com", "zanzibar", "MD5")
    args = ("INVITE", "sip:bob@biloxi.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b")
    # The examples of draft-smith-sipping-auth-examples-01, sections 3.3 and 3.4.
    body = (
        b"v=0\r\no=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\ns=-\r\nc=IN IP4 media.biloxi.com\r\n"
        b"t=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 31\r\n"
        b"a=rtpmap:31 H261/90000\r\nm=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n"
    )
    assert compute_response(ha1, *args, "auth-int", "MD5", body) == "bdbeebb2da6adb6bca02599c2239e192"
    assert compute_response(ha1, *args, "auth-int", "MD5", body[:-1]) != "bdbeebb2da6adb6bca02599c2239e192"
    assert compute_response(ha1, *args, "auth", "MD5", body) == "89eb0059246c02b2f6ee02c7961d5ea3"


@pytest.mark.parametrize(
    ("qop", "algorithm"), [("auth-conf", "MD5"), ("auth", "SHA-1"), ("auth", "md5-sess")]
)
def test_it_refuses_what_it_does_not_know(qop: str, algorithm: str) -> None:
    with pytest.raises(LocalProtocolError):
        compute_response("0" * 32, "GET", "/", "n", "00000001", "c", qop, algorithm)


def test_right_credentials_verify() -> None:
    ha1 = compute_ha1("Mufasa", REALM, "Circle of Life", "MD5")
    assert credentials().verify(ha1, "GET")
    assert credentials(response=credentials().response.upper()).verify(ha1, "GET")
    assert credentials(algorithm="md5").verify(ha1, "GET")


@pytest.mark.parametrize(
    "changes",
    [
        {"response": "0" * 32},
        {"response": ""},
        {"response": "é"},
        {"uri": "/other"},
        {"nonce": "other"},
        {"nc": 2},
        {"cnonce": "x"},
        {"qop": "auth-int"},
        {"qop": "unknown"},
        {"qop": None, "nc": None, "cnonce": None},
        {"algorithm": "SHA-256"},
        {"algorithm": "unknown"},
    ],
)
def test_wrong_credentials_do_not_verify(changes: dict[str, object]) -> None:
    assert not credentials(**changes).verify(compute_ha1("Mufasa", REALM, "Circle of Life", "MD5"), "GET")


def test_wrong_method_or_password_do_not_verify() -> None:
    assert not credentials().verify(compute_ha1("Mufasa", REALM, "Circle of Life", "MD5"), "PUT")
    assert not credentials().verify(compute_ha1("Mufasa", REALM, "circle of life", "MD5"), "GET")


def test_a_challenge_reads_what_it_writes() -> None:
    challenge = Challenge(realm='a "b"', nonce="n", algorithm="SHA-256", stale=True, opaque="o")
    assert str(challenge) == (
        'Digest realm="a \\"b\\"", nonce="n", opaque="o", stale=true, algorithm=SHA-256, qop="auth"'
    )
    assert Challenge.parse(str(challenge)) == challenge
    old = Challenge(realm="r", nonce="n", qop=())
    assert Challenge.parse(str(old)) == old


def test_a_challenge_of_another_vendor_is_read() -> None:
    challenge = Challenge.parse(
        'DIGEST  qop="auth,auth-int" ,nonce=abc,realm="x,y",algorithm=md5, STALE="TRUE"'
    )
    assert challenge == Challenge(
        realm="x,y", nonce="abc", algorithm="md5", qop=("auth", "auth-int"), stale=True
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [("auth",), ("auth-int",), ("auth-int", "auth"), ()])
def test_an_answer_verifies(algorithm: str, qop: tuple[str, ...]) -> None:
    challenge = Challenge(realm="r", nonce="n", algorithm=algorithm, qop=qop, opaque="o")
    ha1 = compute_ha1("u", "r", "p", algorithm)
    answer = Credentials.answer(
        challenge, username="u", ha1=ha1, method="REGISTER", uri="sip:h", cnonce="c", nc=10, body=b"x"
    )
    again = Credentials.parse(str(answer))
    assert again == answer
    assert again.verify(ha1, "REGISTER", b"x")
    assert again.nc == (10 if qop else None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic dTpw",
        "NoOneKnowsThisScheme opaque-data=here",
        "Digest",
        "Digest username",
        'Digest username="a',
        'Digest username="a"b, realm="r", nonce="n", uri="u", response="x"',
        'Digest realm="r", nonce="n", uri="u", response="x"',
        'Digest username="a", nonce="n", uri="u", response="x"',
        'Digest username="a", realm="r", nonce="n", uri="u"',
        'Digest username="a", username="b", realm="r", nonce="n", uri="u", response="x"',
        'Digest username="a", realm="r", nonce="n", uri="u", response="x", qop=auth',
        'Digest username="a", realm="r", nonce="n", uri="u", response="x", qop=auth, nc=1, cnonce="c"',
        'Digest username="a", realm="r", nonce="n", uri="u", response="x", qop=auth, nc=0000000g, cnonce="c"',
        "Digest " + ", ".join(f'x{index}="y"' for index in range(40)),
    ],
)
def test_malformed_credentials_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Credentials.parse(text)
    assert caught.value.status_hint == 400


def test_a_malformed_challenge_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        Challenge.parse('Digest realm="r"')


def test_credentials_cannot_inject_a_line() -> None:
    text = str(credentials(username="a\r\nVia: x", opaque='"\n'))
    assert "\r" not in text and "\n" not in text
