# SPDX-License-Identifier: Apache-2.0
import fnmatch
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialplan.engine.errors import PatternError
from dialplan.engine.matcher import PatternSet
from dialplan.engine.patterns import MAX_NUMBER_LENGTH, MAX_PATTERN_LENGTH, parse_pattern
from dialplan.engine.tests.samples import globs, numbers


@pytest.mark.parametrize(
    ("pattern", "number", "expected"),
    [
        ("500", "500", True),
        ("500", "5000", False),
        ("1???", "1001", True),
        ("1???", "100", False),
        ("00*", "00", True),
        ("00*", "0049123", True),
        ("*", "", True),
        ("[2-4]*", "31", True),
        ("[2-4]*", "51", False),
        ("[!0]*", "0", False),
        ("[!0]*", "ä", True),
        ("[*]97", "*97", True),
        ("[*]97", "197", False),
        ("[1-]", "-", True),
        ("*99*", "1991", True),
        ("alice", "Alice", False),
    ],
)
def test_it_matches_the_whole_number(pattern: str, number: str, expected: bool) -> None:
    assert parse_pattern(pattern).matches(number) is expected
    assert (PatternSet([parse_pattern(pattern)]).first(number) == 0) is expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "a pattern is required"),
        ("1" * (MAX_PATTERN_LENGTH + 1), "at most 128 characters"),
        ("1 2", "character 2 (' ') cannot stand in a pattern"),
        ("4ä", "character 2 ('ä') cannot stand in a pattern"),
        ("[12", "the [ at character 1 is never closed"),
        ("12]", "the ] at character 3 was never opened"),
        ("[]", "[] names no character"),
        ("[!]", "[!] names no character"),
        ("[4-2]", "the range 4-2 in [4-2] runs backwards"),
    ],
)
def test_it_refuses_a_pattern_that_cannot_be_read(pattern: str, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse_pattern(pattern)
    assert message in str(caught.value)


@given(globs, numbers)
@example("*1*2", "1122")
def test_it_agrees_with_fnmatch(pattern: str, number: str) -> None:
    expected = fnmatch.fnmatchcase(number, pattern)
    assert parse_pattern(pattern).matches(number) is expected
    assert (PatternSet([parse_pattern(pattern)]).first(number) == 0) is expected


@given(st.lists(globs, max_size=20), numbers)
def test_a_set_finds_the_first_of_its_globs_that_matches(patterns: list[str], number: str) -> None:
    ranks = [rank for rank, pattern in enumerate(patterns) if fnmatch.fnmatchcase(number, pattern)]
    assert PatternSet([parse_pattern(pattern) for pattern in patterns]).first(number) == min(
        ranks, default=None
    )


@given(globs)
def test_a_literal_glob_matches_its_own_text_alone(pattern: str) -> None:
    literal = parse_pattern(pattern).literal
    if literal is None:
        assert set(pattern) & set("*?[")
    else:
        assert parse_pattern(pattern).matches(literal)
        assert not parse_pattern(pattern).matches(literal + "0")


@pytest.mark.parametrize(
    ("pattern", "number", "reason"),
    [
        ("1???", "2001", "character 1 is 2, not 1"),
        ("1???", "10", "the number ends where any character is expected"),
        ("1???", "10011", "the pattern ends before character 5 (1)"),
        ("12[3-5]", "129", "character 3 is 9, not [3-5]"),
        ("*", "1" * (MAX_NUMBER_LENGTH + 1), "the number is longer than 128 characters"),
        ("*", "1", None),
    ],
)
def test_it_says_where_a_number_leaves_the_pattern(pattern: str, number: str, reason: str | None) -> None:
    assert parse_pattern(pattern).why_not(number) == reason


def test_a_number_beyond_the_limit_matches_nothing() -> None:
    anything = PatternSet([parse_pattern("*")])
    assert anything.first("1" * MAX_NUMBER_LENGTH) == 0
    assert anything.first("1" * (MAX_NUMBER_LENGTH + 1)) is None


def test_a_pattern_made_to_backtrack_costs_no_more_than_its_length() -> None:
    nasty = PatternSet([parse_pattern("*1" * 60 + "2")])
    started = time.process_time()
    assert nasty.first("1" * MAX_NUMBER_LENGTH) is None
    assert time.process_time() - started < 0.05
