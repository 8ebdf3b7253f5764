"""What is known of a number by itself."""

import phonenumbers
import pytest

from ringline.domain.numbers import MNO_PREFIXES, Mno, NumberType, mno_of, type_of
from ringline.domain.phone_numbers import read_e164


@pytest.mark.parametrize(
    ("e164", "expected"),
    [
        # The pools of the sandbox.
        ("+2348000001234", NumberType.MOBILE_VIRTUAL),
        ("+2341000001234", NumberType.GEO_DID),
        ("+2348031234567", NumberType.MOBILE_VIRTUAL),
        ("+2342011234567", NumberType.GEO_DID),
        ("+442079460958", NumberType.INTL_DID),
        ("+447400123456", NumberType.INTL_DID),
        ("+12125551234", NumberType.INTL_DID),
        ("+4930123456", NumberType.INTL_DID),
        # Free of charge, of a higher rate, and what no plan has assigned.
        ("+2348001234567", None),
        ("+18002345678", None),
        ("+449012345678", None),
        ("+15550100", None),
        # From before numbers were read.
        ("+12", None),
        ("", None),
        ("lobby", None),
    ],
)
def test_types(e164: str, expected: NumberType | None) -> None:
    assert type_of(e164) is expected


@pytest.mark.parametrize("mno", Mno)
def test_operators_by_prefix(mno: Mno) -> None:
    for prefix in MNO_PREFIXES[mno]:
        number = phonenumbers.parse(f"{prefix}1234567", "NG")
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert read_e164(e164) == e164
        assert mno_of(e164) is mno
        assert type_of(e164) is NumberType.MOBILE_VIRTUAL


def test_a_prefix_belongs_to_one_operator() -> None:
    prefixes = [prefix for some in MNO_PREFIXES.values() for prefix in some]
    assert len(prefixes) == len(set(prefixes)) == 22


@pytest.mark.parametrize("e164", ["+2348000001234", "+2342011234567", "+448031234567", "+234", ""])
def test_other_numbers_have_no_operator(e164: str) -> None:
    assert mno_of(e164) is None
