"""The parts of an SMS, against the tables of 3GPP TS 23.038 and its limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.gsm7 import ALPHABET, EXTENSION, PLACES, Encoding, Segmented, segment

#: Characters with their codes, as the standard's tables print them (row, column).
CODES = {
    "@": 0x00, "£": 0x01, "Ç": 0x09, "\n": 0x0A, "Å": 0x0E, "Δ": 0x10, "Ξ": 0x1A, "É": 0x1F,
    " ": 0x20, "¤": 0x24, "0": 0x30, "?": 0x3F, "¡": 0x40, "A": 0x41, "Z": 0x5A, "§": 0x5F,
    "¿": 0x60, "a": 0x61, "z": 0x7A, "à": 0x7F,
}  # fmt: skip

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2


def test_the_alphabet_has_the_standards_codes() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 128
    assert {sign: ALPHABET.index(sign) for sign in CODES} == CODES
    assert ALPHABET[0x1B] == "\x1b"
    assert not set(EXTENSION.values()) & set(ALPHABET)


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", GSM, 1),
        ("a" * 160, GSM, 1),
        ("a" * 161, GSM, 2),
        ("a" * 306, GSM, 2),
        ("a" * 307, GSM, 3),
        ("€" * 80, GSM, 1),
        ("€" * 81, GSM, 2),
        ("a" * 152 + "€" + "a" * 8, GSM, 2),  # the euro does not fit into the first part
        ("a" * 152 + "€" + "a" * 151, GSM, 2),
        ("a" * 152 + "€" + "a" * 152, GSM, 3),
        ("ñandú", UCS, 1),  # ñ is in the alphabet, ú is not
        ("Ẹ" * 70, UCS, 1),
        ("Ẹ" * 71, UCS, 2),
        ("Ẹ" * 134, UCS, 2),
        ("Ẹ" * 135, UCS, 3),
        ("😀" * 35, UCS, 1),
        ("😀" * 36, UCS, 2),
        ("😀" * 66, UCS, 2),  # 33 to a part: no pair of surrogates is split
        ("😀" * 67, UCS, 3),
        ("`", UCS, 1),
        ("\x1b", UCS, 1),
    ],
)
def test_a_text_is_sent_in_as_many_parts_as_it_takes(
    text: str, encoding: Encoding, segments: int
) -> None:
    assert segment(text) == Segmented(encoding, segments)


@given(st.text(max_size=400))
def test_the_parts_hold_the_text_and_none_is_spare(text: str) -> None:
    found = segment(text)
    in_gsm = found.encoding is GSM
    units = sum(
        2 if (sign in EXTENSION.values() if in_gsm else ord(sign) > 0xFFFF) else 1 for sign in text
    )
    alone, each = PLACES[found.encoding]
    if units <= alone:
        assert found.segments == 1
    else:
        # A part may end one place early, before a character that takes two.
        assert -(-units // each) <= found.segments <= -(-units // (each - 1))
