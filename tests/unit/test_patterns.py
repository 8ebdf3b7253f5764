"""Patterns that clients write: they are RE2's, bounded, and never backtrack."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringline.domain.patterns import BadPattern, check_pattern, is_found
from ringline.domain.v1_limits import MATCH_VALUE, UTTERANCE


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("bill(ing)?", "about my billing", True),
        ("^bill", "about my billing", False),
        ("bill", "My BILL", False),
        ("(?i)bill", "My BILL", True),
        (r"\bpay\b", "repayment", False),
        (r"[0-9]{4,}", "order 20261130", True),
        (r"\pL+", "ọjà", True),
        ("ọjà", "mo fẹ́ lọ sí ọjà", True),
        ("😀", "hm 😀", True),
        ("", "anything", True),
    ],
)
def test_patterns(pattern: str, text: str, found: bool) -> None:
    check_pattern(pattern)
    assert is_found(pattern, text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "[",
        "(",
        "a**",
        "*",
        "a{2000}",
        "((a{100}){100}){100}",
        r"\pL{100}",
        ".{1000}",
        "(?=a)",
        "(?<!a)b",
        r"(a)\1",
        r"(?P<a>.)(?P=a)",
        "a++",
        "\ud800",
        "(" * MATCH_VALUE.most,
        "a" * (MATCH_VALUE.most + 1),
    ],
    ids=lambda pattern: ascii(pattern)[:20],
)
def test_what_is_none(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    for do in (lambda: check_pattern(pattern), lambda: is_found(pattern, "a")):
        with pytest.raises(BadPattern) as refused:
            do()
        assert pattern not in str(refused.value)
    assert capfd.readouterr() == ("", ""), "what clients write is not logged"


#: Each takes a backtracking engine longer than anybody waits.
@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)+$", "^(a|a?)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y"],
)
def test_nothing_backtracks(pattern: str) -> None:
    assert not is_found(pattern, "a" * UTTERANCE.most + "!")


@given(st.text(max_size=40) | st.text("(a|b)*+?[]{}^$.\\1,-", max_size=40), st.text(max_size=60))
@example("(?i)", "")
@example("\0", "\0")
def test_a_pattern_is_found_or_not_or_refused(pattern: str, text: str) -> None:
    try:
        check_pattern(pattern)
    except BadPattern:
        return
    assert is_found(pattern, text) in (True, False)
