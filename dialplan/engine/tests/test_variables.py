# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.engine import CallFacts, substitute
from dialplan.engine.errors import FileNameError, TemplateError
from dialplan.engine.prompts import check_file_name, check_prompt_name, compile_file_name

FACTS = CallFacts(destination="1002", caller_id="1001", caller_name="Alice", call_id="abc@host")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain $5 }", "plain $5 }"),
        ("${destination}", "1002"),
        ("<${caller_name}|${caller_id}|${call_id}>", "<Alice|1001|abc@host>"),
        ("$${destination}", "$1002"),
    ],
)
def test_it_fills_in_the_variables(text: str, expected: str) -> None:
    assert substitute(text, FACTS) == expected


@pytest.mark.parametrize(
    "text", ["${", "${destination", "${}", "${Destination}", "${destination }", "${a}${b}"]
)
def test_it_refuses_a_broken_or_undefined_variable(text: str) -> None:
    with pytest.raises(TemplateError):
        substitute(text, FACTS)


@given(st.text())
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert substitute("a${caller_name}b", FACTS._replace(caller_name=value)) == f"a{value}b"


@pytest.mark.parametrize("name", ["welcome.wav", "de/Guten Tag-1.WAV", "a/b/c_d+e.wav"])
def test_it_accepts_a_relative_wav_file(name: str) -> None:
    assert check_file_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/x.wav",
        "../x.wav",
        "a/../x.wav",
        "a//x.wav",
        "./x.wav",
        ".x.wav",
        "a\\b.wav",
        "a\x00.wav",
        "ä.wav",
        " x.wav",
        "a/x.wav ",
        "x" * 252 + ".wav",
    ],
)
def test_it_refuses_a_file_outside_the_prompts_or_of_no_name(name: str) -> None:
    with pytest.raises(FileNameError):
        check_file_name(name)


@pytest.mark.parametrize("name", ["x", "x.mp3", "Opening hours", "en/hello.wav"])
def test_it_takes_names_of_prompts_and_of_files(name: str) -> None:
    assert check_file_name(name) == name


@pytest.mark.parametrize("name", ["en/hello", "../x", ".x", " x", "prompt:" + "0" * 64, ""])
def test_an_uploaded_prompt_has_a_plain_name(name: str) -> None:
    with pytest.raises(FileNameError):
        check_prompt_name(name)


def test_a_file_name_may_hold_variables() -> None:
    assert compile_file_name("names/${caller_id}.wav")(FACTS) == "names/1001.wav"


@given(st.text())
def test_no_value_reaches_out_of_the_directory_of_the_prompt(value: str) -> None:
    build = compile_file_name("names/${caller_name}.wav")
    try:
        name = build(FACTS._replace(caller_name=value))
    except FileNameError:
        return
    assert name.count("/") == 1
    assert ".." not in name.split("/")
