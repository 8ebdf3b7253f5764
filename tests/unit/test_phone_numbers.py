"""Numbers in E.164."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.phone_numbers import is_e164


@pytest.mark.parametrize("text", ["+2348000001234", "+4930123456", "+12", "+123456789012345"])
def test_numbers(text: str) -> None:
    assert is_e164(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "+1",
        "2348000001234",
        "+0348000001234",
        "+1234567890123456",
        "+23480 0000 1234",
        "+234-800-0001234",
        "+2348000001234\n",
        "+٢٣٤٨٠٠٠٠٠١٢٣٤",
        "tel:+2348000001234",
    ],
)
def test_what_is_none(text: str) -> None:
    assert not is_e164(text)


@given(st.text(max_size=20))
def test_a_number_is_a_plus_and_ascii_digits(text: str) -> None:
    if is_e164(text):
        assert text[0] == "+"
        assert text[1:].isascii()
        assert text[1:].isdigit()
