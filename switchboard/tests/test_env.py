# SPDX-License-Identifier: Apache-2.0
"""The typed readers of the environment."""

import argparse
from pathlib import Path

import pytest

from switchboard.env import ALL_ROLES, BadVariable, Registry, add_flags, flags_to_environ


def test_it_returns_the_default_of_an_unset_and_of_an_empty_variable():
    assert Registry({}).port("PORT", 5060, help="") == 5060
    assert Registry({"PORT": " "}).port("PORT", 5060, help="") == 5060


@pytest.mark.parametrize("raw", ["0", "65536", "-1", "5060x", "5.5", "٣٣x"])
def test_a_bad_port_is_refused_by_name_value_and_what_is_accepted(raw):
    with pytest.raises(BadVariable) as caught:
        Registry({"PORT": raw}).port("PORT", 5060, help="")
    assert str(caught.value) == f"PORT={raw!r} is not accepted: expected a whole number from 1 to 65535"


@pytest.mark.parametrize(("raw", "expected"), [("true", True), ("ON", True), ("0", False), ("No", False)])
def test_a_boolean_knows_its_words(raw, expected):
    assert Registry({"DEBUG": raw}).boolean("DEBUG", False, help="") is expected


def test_a_boolean_refuses_every_other_word():
    with pytest.raises(BadVariable, match="true or false"):
        Registry({"DEBUG": "maybe"}).boolean("DEBUG", False, help="")


def test_a_choice_is_compared_without_case_and_bounded():
    assert Registry({"LOGLEVEL": "DEBUG"}).choice("LOGLEVEL", "info", ["info", "debug"], help="") == "debug"
    with pytest.raises(BadVariable, match="one of info, debug"):
        Registry({"LOGLEVEL": "loud"}).choice("LOGLEVEL", "info", ["info", "debug"], help="")


def test_seconds_take_fractions_within_bounds():
    assert Registry({"T1": "0.25"}).seconds("T1", 0.5, help="") == 0.25
    for raw in ("-1", "nan", "inf"):
        with pytest.raises(BadVariable):
            Registry({"T1": raw}).seconds("T1", 0.5, help="")


def test_an_address_must_be_numeric():
    assert Registry({"BIND": "::1"}).address("BIND", "0.0.0.0", help="") == "::1"
    with pytest.raises(BadVariable, match="an IP address"):
        Registry({"BIND": "localhost"}).address("BIND", "0.0.0.0", help="")


def test_pairs_take_names_or_use_the_value_as_the_name():
    read = Registry({"ADDRS": "a=host:1, host:2"}).pairs("ADDRS", "", help="")
    assert read == (("a", "host:1"), ("host:2", "host:2"))


@pytest.mark.parametrize("raw", ["=x", "a=", "a=1,a=2", ",", " , "])
def test_pairs_refuse_empty_and_repeated_names(raw):
    with pytest.raises(BadVariable):
        Registry({"ADDRS": raw}).pairs("ADDRS", "", help="")


def test_a_secret_comes_from_its_file_without_the_line_end(tmp_path: Path):
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    assert Registry({"KEY_FILE": str(path)}).secret("KEY", help="") == "s3cret"


def test_a_secret_given_twice_or_unreadable_is_refused(tmp_path: Path):
    with pytest.raises(BadVariable, match="KEY_FILE"):
        Registry({"KEY_FILE": str(tmp_path / "absent")}).secret("KEY", help="")
    with pytest.raises(BadVariable, match="KEY unset"):
        Registry({"KEY_FILE": "/dev/null", "KEY": "x"}).secret("KEY", help="")


@pytest.mark.parametrize("held", ["", "\n", " \r\n"])
def test_a_secrets_file_that_holds_none_is_refused(tmp_path: Path, held: str):
    """An RTP manager would demand no token, and a role would work on an SQLite file of its own."""
    path = tmp_path / "secret"
    path.write_text(held)
    with pytest.raises(BadVariable, match="KEY_FILE"):
        Registry({"KEY_FILE": str(path)}).secret("KEY", help="")


def test_flags_of_a_role_command_become_variables():
    environ: dict[str, str] = {}
    argv = ["manage.py", "runsip", "--port", "5070", "--rtp-port-min=20000", "--verbosity", "2", "--json"]
    flags_to_environ(argv, environ, {"runsip": "signaling"})
    assert environ == {"PORT": "5070", "RTP_PORT_MIN": "20000"}


def test_flags_of_other_commands_stay_alone():
    environ: dict[str, str] = {}
    flags_to_environ(["manage.py", "migrate", "--port", "1"], environ, {"runsip": "signaling"})
    assert environ == {}


def test_a_parser_gets_the_flags_of_its_role_and_no_secret_itself():
    registry = Registry({})
    registry.port("PORT", 5060, help="SIP port, 100% sure", roles=["signaling"])
    registry.port("UI_PORT", 3000, help="", roles=["ui"])
    registry.secret("KEY", help="", roles=["signaling"])
    registry.secret("URL", help="", roles=["signaling"], address=True)
    parser = argparse.ArgumentParser()
    add_flags(parser, registry, "signaling")
    assert "--port" in parser.format_help()
    assert "--ui-port" not in parser.format_help()
    assert "--key-file KEY_FILE" in parser.format_help()
    assert "--key KEY" not in parser.format_help()
    assert "--url URL" in parser.format_help() and "--url-file URL_FILE" in parser.format_help()
    everything = argparse.ArgumentParser()
    add_flags(everything, registry, ALL_ROLES)
    assert "--ui-port" in everything.format_help()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", None),
        ("redis:6379", ("redis", 6379)),
        ("[::1]:6379", ("::1", 6379)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
    ],
)
def test_host_and_port_are_a_pair(raw, expected):
    assert Registry({"REDIS_ADDR": raw}).host_port("REDIS_ADDR", help="") == expected


@pytest.mark.parametrize(
    "raw",
    [
        "redis",
        "redis:",
        ":6379",
        "redis:0",
        "redis:65536",
        "redis:٣",
        "::1:6379",
        "redis://x:6379",
        "a b:1",
        "[]:1",
    ],
)
def test_a_bad_host_and_port_is_refused(raw):
    with pytest.raises(BadVariable, match="host:port"):
        Registry({"REDIS_ADDR": raw}).host_port("REDIS_ADDR", help="")


def test_an_address_and_port_take_no_name():
    assert Registry({"A": "10.0.0.1:5060"}).host_port("A", numeric=True, help="") == ("10.0.0.1", 5060)
    with pytest.raises(BadVariable, match="address:port"):
        Registry({"A": "host:5060"}).host_port("A", numeric=True, help="")


@pytest.mark.parametrize("raw", ["pbx.example.com", "PBX.Example.com", "switchboard", "192.0.2.7", "a-b.c1"])
def test_a_domain_is_read_in_lower_case(raw):
    assert Registry({"D": raw}).domain("D", "x", help="") == raw.lower()


@pytest.mark.parametrize(
    "raw", ["a b", "-a.example", "a..example", "a.example/", "sip:a", "a@b", "bücher.example"]
)
def test_what_is_no_domain_is_refused_in_one_line(raw):
    with pytest.raises(BadVariable) as caught:
        Registry({"D": raw}).domain("D", "x", help="")
    assert str(caught.value) == f"D={raw!r} is not accepted: expected a domain, such as pbx.example.com"


def test_limits_are_told_without_an_exponent():
    with pytest.raises(BadVariable, match=r"seconds from 0\.05 to 31622400$"):
        Registry({"WAIT_S": "x"}).seconds("WAIT_S", 1, minimum=0.05, help="")
