"""Every wall reads JSON the same way: a value, or a documented error."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.wire.strict_json import (
    MAX_DEPTH,
    JsonProblem,
    NotJson,
    StrictDecoder,
    WrongShape,
    encode,
)

anything = StrictDecoder[Any](object)


class Pair(msgspec.Struct):
    name: str
    count: int = 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nul",
        "NaN",
        "\ufeff1",
        '"\x00"',
        '"\\u0000"',
        '{"a":[{"b":"x\\u0000"}]}',
        '{"\\u0000":1}',
        '"\\ud800"',
        '"\\udc00x"',
        b'"\xff"',
        b'{"a":"\xc3("}',
        "\ud800",
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_is_never_accepted(text: str | bytes) -> None:
    with pytest.raises(NotJson) as refused:
        anything.decode(text)
    assert len(str(refused.value)) < 60


@pytest.mark.parametrize("text", ["1e999", "9" * 5000, "[1e400]"])
def test_numbers_that_cannot_be_held_are_refused(text: str) -> None:
    with pytest.raises(JsonProblem):
        anything.decode(text)


def test_an_escaped_backslash_before_u0000_is_only_text() -> None:
    assert anything.decode('"\\\\u0000"') == "\\u0000"


def test_u0000_is_refused_in_members_that_nobody_reads() -> None:
    with pytest.raises(NotJson):
        StrictDecoder(Pair).decode('{"name":"a","other":"\\u0000"}')


def test_many_brackets_side_by_side_are_no_depth() -> None:
    assert anything.decode(encode([[1]] * 200)) == [[1]] * 200


def test_a_wrong_shape_says_where_and_quotes_nothing() -> None:
    with pytest.raises(WrongShape) as refused:
        StrictDecoder(Pair).decode('{"name":"a","count":"secret"}')
    assert refused.value.path == "count"
    assert str(refused.value) == "expected int, got str at count"


@given(JSON)
def test_what_is_written_is_read_again_or_refused_for_its_zeros(value: object) -> None:
    text = encode(value)
    try:
        assert anything.decode(text) == value
    except NotJson:
        assert b"\\u0000" in text


@given(st.binary() | st.text())
def test_any_input_is_a_value_or_a_problem(data: bytes | str) -> None:
    try:
        StrictDecoder(Pair).decode(data)
    except JsonProblem as problem:
        assert str(problem)  # noqa: PT017
