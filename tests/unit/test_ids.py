"""Identifiers: two spellings of 128 bits (contract, 1)."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.ids import Prefix, format_id, parse_id, uuid7

ZERO, ONES = UUID(int=0), UUID(int=(1 << 128) - 1)


@given(st.uuids(), st.sampled_from(Prefix))
def test_both_spellings_are_read_back(value: UUID, prefix: Prefix) -> None:
    assert parse_id(prefix, format_id(prefix, value)) == value
    assert parse_id(prefix, str(value)) == value
    assert parse_id(prefix, str(value).upper()) == value


@given(st.uuids(), st.uuids())
def test_the_short_spelling_keeps_the_order(one: UUID, other: UUID) -> None:
    short = [format_id(Prefix.CALL, value) for value in (one, other)]
    assert (short[0] < short[1]) == (one < other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ZERO, "call_0000000000000000000000"),
        (UUID(int=61), "call_000000000000000000000z"),
        (UUID(int=62), "call_0000000000000000000010"),
        (ONES, "call_7n42DGM5Tflk9n8mt7Fhc7"),
    ],
)
def test_the_short_spelling_is_base62_big_endian_of_22_characters(value: UUID, text: str) -> None:
    assert format_id(Prefix.CALL, value) == text
    assert parse_id(Prefix.CALL, text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "call_",
        "0000000000000000000010",
        "sess_0000000000000000000010",
        "call_000000000000000000010",
        "call_00000000000000000000010",
        "call_000000000000000000001-",
        "call_000000000000000000001é",
        "call_7n42DGM5Tflk9n8mt7Fhc8",  # one more than 128 bits
        "call_zzzzzzzzzzzzzzzzzzzzzz",
        "{00000000-0000-0000-0000-00000000000",
        "00000000000000000000000000000000",
        "00000000-0000-0000-0000-0000000000_0",
        "00000000-0000-0000-0000-00000000000٣",
        "0000000-00000-0000-0000-000000000000",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert parse_id(Prefix.CALL, text) is None


@given(st.text(max_size=60))
def test_any_text_is_an_id_or_none(text: str) -> None:
    value = parse_id(Prefix.CALL, text)
    assert value is None or text.lower() in (format_id(Prefix.CALL, value).lower(), str(value))


@given(st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 74) - 1))
def test_a_row_id_is_a_uuid_of_version_7(unix_ms: int, random_bits: int) -> None:
    value = uuid7(unix_ms, random_bits)
    assert value.version == 7
    assert value.variant == "specified in RFC 4122"
    assert value.int >> 80 == unix_ms
    assert uuid7(unix_ms, random_bits ^ 1) != value
    assert uuid7(unix_ms, random_bits ^ (1 << 73)) != value


def test_the_example_of_the_rfc() -> None:  # RFC 9562, A.6
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F
    assert str(uuid7(0x017F22E279B0, rand_a << 62 | rand_b)) == (
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    )
