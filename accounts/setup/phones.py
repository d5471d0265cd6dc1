# SPDX-License-Identifier: Apache-2.0
"""What a phone must be told to register, in the words of the programs that people use.

Pure: knows neither requests nor the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

DEFAULT_PORT: Final = 5060
HIDDEN: Final = "your SIP password"
"""Stands where the password would, when it is not known."""
LINPHONE_NAMESPACE: Final = "http://www.linphone.org/xsds/lpconfig.xsd"
UNQUOTABLE: Final = frozenset(' ;,"<>\\')
"""What the accounts file of baresip cannot hold in a password."""

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSettings:
    """One user's settings."""

    username: str
    display_name: str
    domain: str
    host: str
    """Where the signaling node is reached: a name or address, IPv6 in brackets."""
    port: int
    transport: str = "udp"
    password: str = ""
    """Empty when it is not known any more."""

    @property
    def server(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def is_encrypted(self) -> bool:
        """Whether the phone is to speak TLS."""
        return self.transport == "tls"

    @property
    def proxy_uri(self) -> str:
        """The server as an outbound proxy."""
        return f"sip:{self.server};transport={self.transport}"

    @property
    def aor(self) -> str:
        """The address of record."""
        return f"sip:{self.username}@{self.domain}"

    @property
    def shown_password(self) -> str:
        """The password, or words that stand for it."""
        return self.password or self.hidden

    @property
    def hidden(self) -> str:
        """The words."""
        return HIDDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How one softphone is set up."""

    name: str
    where: str
    """Where its form is."""
    rows: Rows = ()
    """Name of a field → what goes there."""
    line: str = ""
    """Text for its configuration file."""
    note: str = ""


def rows_for_all(phone: PhoneSettings) -> Rows:
    """Return the settings by the names that every SIP phone knows."""
    return (
        ("User name", phone.username),
        ("Authentication name", phone.username),
        ("Password", phone.shown_password),
        ("Display name", phone.display_name or phone.username),
        ("Domain (registrar, SIP server)", phone.domain),
        ("Outbound proxy", phone.server),
        ("Transport", "TLS" if phone.is_encrypted else "UDP or TCP"),
        ("Address of record", phone.aor),
    )


def programs(phone: PhoneSettings) -> tuple[Program, ...]:
    """Return how the usual softphones are set up."""
    return (_linphone(phone), _zoiper(phone), _microsip(phone), _baresip(phone))


def _linphone(phone: PhoneSettings) -> Program:
    return Program(
        name="Linphone",
        where="Third-party SIP account",
        rows=(
            ("Username", phone.username),
            ("Password", phone.shown_password),
            ("Domain", phone.domain),
            ("Display name", phone.display_name or phone.username),
            ("Transport", phone.transport.upper()),
            ("Outbound proxy (advanced)", phone.proxy_uri),
        ),
    )


def _zoiper(phone: PhoneSettings) -> Program:
    return Program(
        name="Zoiper",
        where="Settings → Accounts → Add → Manual configuration → SIP",
        rows=(
            ("Username / login", f"{phone.username}@{phone.domain}"),
            ("Password", phone.shown_password),
            ("Hostname / domain", phone.domain),
            ("Authentication username", phone.username),
            ("Outbound proxy", phone.server),
            ("Transport", f"SIP {phone.transport.upper()}"),
        ),
    )


def _microsip(phone: PhoneSettings) -> Program:
    return Program(
        name="MicroSIP",
        where="Menu → Add account",
        rows=(
            ("SIP server", phone.domain),
            ("SIP proxy", phone.server),
            ("Username", phone.username),
            ("Domain", phone.domain),
            ("Login", phone.username),
            ("Password", phone.shown_password),
            ("Display name", phone.display_name or phone.username),
            ("Transport", phone.transport.upper()),
        ),
    )


def _baresip(phone: PhoneSettings) -> Program:
    quotable = not UNQUOTABLE & set(phone.password)
    password = phone.password if phone.password and quotable else "YOUR-SIP-PASSWORD"
    note = (
        ""
        if quotable
        else "A password with spaces, quotes, commas or semicolons does not fit into this file."
    )
    name = phone.display_name.replace("\\", "").replace('"', "")
    shown = f'"{name}" ' if name else ""
    return Program(
        name="baresip",
        where="A line of ~/.baresip/accounts",
        line=f"{shown}<{phone.aor};transport={phone.transport}>;auth_user={phone.username};auth_pass={password};"
        f'outbound="{phone.proxy_uri}";regint=3600',
        note=note,
    )


def linphone_xml(phone: PhoneSettings) -> bytes:
    """Return the settings as Linphone fetches them (its remote provisioning).

    It reads them once: the link that they come from counts no second time.
    """
    sections: dict[str, Rows] = {
        "misc": (("transient_provisioning", "1"),),
        "sip": (("default_proxy", "0"),),
        "auth_info_0": (
            ("username", phone.username),
            ("userid", phone.username),
            ("passwd", phone.password),
            ("domain", phone.domain),
        ),
        "proxy_0": (
            ("reg_identity", f'"{_plain(phone.display_name or phone.username)}" <{phone.aor}>'),
            ("reg_proxy", f"<sip:{phone.domain};transport={phone.transport}>"),
            ("reg_route", f"<{phone.proxy_uri};lr>"),
            ("reg_sendregister", "1"),
            ("reg_expires", "3600"),
            ("publish", "0"),
        ),
    }
    root = ElementTree.Element("config", xmlns=LINPHONE_NAMESPACE)
    for name, entries in sections.items():
        section = ElementTree.SubElement(root, "section", name=name)
        for key, value in entries:
            ElementTree.SubElement(section, "entry", name=key, overwrite="true").text = value
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def wave_xml(phone: PhoneSettings) -> str:
    """Return the settings as Grandstream Wave reads them out of a QR code."""
    root = ElementTree.Element("AccountConfig", version="1")
    account = ElementTree.SubElement(root, "Account")
    for key, value in _wave_entries(phone):
        ElementTree.SubElement(account, key).text = value
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="utf-8"?>{text}'


def _wave_entries(phone: PhoneSettings) -> Iterator[tuple[str, str]]:
    yield "RegisterServer", phone.domain
    yield "OutboundServer", phone.server
    yield "UserID", phone.username
    yield "AuthID", phone.username
    yield "AuthPass", phone.password
    yield "AccountName", f"{phone.username}@{phone.domain}"
    yield "DisplayName", phone.display_name or phone.username


def _plain(text: str) -> str:
    return text.replace("\\", "").replace('"', "")
