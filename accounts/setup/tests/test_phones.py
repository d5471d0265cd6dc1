# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

import pytest

from accounts.setup.phones import HIDDEN, PhoneSettings, linphone_xml, programs, rows_for_all, wave_xml
from accounts.setup.qr import qr_svg

NAMESPACE = "{http://www.linphone.org/xsds/lpconfig.xsd}"


def settings_of(**fields):
    given = {
        "username": "1001",
        "display_name": "Alice",
        "domain": "pbx.example",
        "host": "192.0.2.5",
        "port": 5062,
        "password": "secret & <more>",
    }
    return PhoneSettings(**{**given, **fields})


def entries(document):
    root = ElementTree.fromstring(document)
    return {
        (section.get("name"), entry.get("name")): entry.text
        for section in root.iter(f"{NAMESPACE}section")
        for entry in section.iter(f"{NAMESPACE}entry")
    }


def test_linphone_is_told_identity_password_and_where_to_register():
    told = entries(linphone_xml(settings_of()))
    assert told["auth_info_0", "username"] == "1001"
    assert told["auth_info_0", "passwd"] == "secret & <more>"
    assert told["proxy_0", "reg_identity"] == '"Alice" <sip:1001@pbx.example>'
    assert told["proxy_0", "reg_route"] == "<sip:192.0.2.5:5062;transport=udp;lr>"
    assert told["misc", "transient_provisioning"] == "1"


def test_a_name_cannot_break_out_of_the_identity():
    told = entries(linphone_xml(settings_of(display_name='A" <sip:evil@x>\\')))
    assert told["proxy_0", "reg_identity"] == '"A <sip:evil@x>" <sip:1001@pbx.example>'


def test_wave_is_told_the_same_in_its_form():
    account = ElementTree.fromstring(wave_xml(settings_of()))[0]
    told = {entry.tag: entry.text for entry in account}
    assert told["RegisterServer"] == "pbx.example"
    assert told["OutboundServer"] == "192.0.2.5:5062"
    assert (told["UserID"], told["AuthPass"]) == ("1001", "secret & <more>")


@pytest.mark.parametrize("password", ["", "secret"])
def test_every_program_is_told_the_user_and_the_password_or_words_for_it(password):
    phone = settings_of(password=password)
    shown = {program.name: str(program.rows) + program.line for program in programs(phone)}
    assert set(shown) == {"Linphone", "Zoiper", "MicroSIP", "baresip"}
    for text in shown.values():
        assert "1001" in text
        assert "pbx.example" in text
        assert "192.0.2.5:5062" in text
        assert password in text if password else "password" in text.lower()
    assert dict(rows_for_all(phone))["Password"] == (password or HIDDEN)


@pytest.mark.parametrize("password", ["a;b", 'a"b', "a b", "a,b"])
def test_a_password_that_baresips_file_cannot_hold_is_not_written_into_it(password):
    [baresip] = [program for program in programs(settings_of(password=password)) if program.name == "baresip"]
    assert password not in baresip.line
    assert baresip.note


def test_a_qr_code_is_drawn_here_and_its_title_escaped():
    drawing = qr_svg("sip:1001@pbx.example", "<script>")
    assert ElementTree.fromstring(drawing).tag.endswith("svg")
    assert "<script>" not in drawing


def test_with_tls_every_program_is_told_so():
    phone = settings_of(transport="tls", port=5061)
    told = entries(linphone_xml(phone))
    assert told["proxy_0", "reg_proxy"] == "<sip:pbx.example;transport=tls>"
    assert told["proxy_0", "reg_route"] == "<sip:192.0.2.5:5061;transport=tls;lr>"
    assert dict(rows_for_all(phone))["Transport"] == "TLS"
    for program in programs(phone):
        assert "tls" in (str(program.rows) + program.line).lower()
