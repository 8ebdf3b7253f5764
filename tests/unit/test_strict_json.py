"""Every wall reads JSON the same way: a value, or a documented error."""

from enum import StrEnum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits
from ringline.domain.limit import Limit
from ringline.wire.strict_json import (
    MAX_DEPTH,
    JsonProblem,
    NotJson,
    StrictDecoder,
    WrongShape,
    encode,
)

anything = StrictDecoder[Any](object)


class Colour(StrEnum):
    RED = "red"


class Coloured(msgspec.Struct):
    colour: Colour


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
    assert len(refused.value.message) < 60


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


SMALL = Limit("marks", 10, "characters", "")


@pytest.mark.parametrize(
    ("most", "more"),
    [
        ("[1,1,1,1,1,1,1,1,1,1]", "[1,1,1,1,1,1,1,1,1,1,1]"),
        ("[[],[],[],[],[]]", "[[],[],[],[],[],[]]"),
        ('{"a":{},"b":{"c":[[[[[[]]]]]]}}', '{"a":{},"b":{"c":[[[[[[[]]]]]]]}}'),
        ('"[{,[{,[{,["', '"[{,[{,[{,[{"'),
    ],
)
@pytest.mark.parametrize("shape", [object, Pair, list[object]])
def test_brackets_braces_and_commas_are_counted_before_parsing(
    most: str, more: str, shape: type[object]
) -> None:
    assert StrictDecoder(object, SMALL).decode(most) == msgspec.json.decode(most)
    for text in (more, more.encode(), more[:-1]):  # broken or not, nothing parses it
        with pytest.raises(NotJson, match="too many"):
            StrictDecoder(shape, SMALL).decode(text)


def test_twenty_thousand_are_read_unless_more_are_asked_for() -> None:
    most = "[" + "1," * (limits.JSON_MARKS.most - 1) + "1]"
    assert len(anything.decode(most)) == limits.JSON_MARKS.most
    more = "[1," + most[1:]
    with pytest.raises(NotJson):
        anything.decode(more)
    for marks in (limits.RPC_BODY_MARKS, None):
        assert len(StrictDecoder[Any](object, marks).decode(more)) == limits.JSON_MARKS.most + 1


@pytest.mark.parametrize("shape", [object, Pair])
def test_what_nobody_reads_is_counted_too(shape: type[object]) -> None:
    text = '{"name":"a","other":[' + "[]," * 5_000_000 + "[]]}"
    with pytest.raises(NotJson, match="too many"):
        StrictDecoder(shape).decode(text)


def test_an_error_that_quotes_a_client_says_where_and_not_what() -> None:
    for value in ("b - at `$.secret`", "b - at `" * 8_192):
        with pytest.raises(WrongShape) as refused:
            StrictDecoder(Coloured).decode(encode({"colour": value}))
        assert refused.value.message == "invalid value at colour"


def test_a_wrong_shape_says_where_and_quotes_nothing() -> None:
    with pytest.raises(WrongShape) as refused:
        StrictDecoder(Pair).decode('{"name":"a","count":"secret"}')
    assert refused.value.path == "count"
    assert refused.value.message == "expected int, got str at count"


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
        assert problem.message  # noqa: PT017
