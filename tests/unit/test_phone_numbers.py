"""Phone numbers, as they are read and kept."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.phone_numbers import read_e164
from ringline.domain.v1_limits import NUMBER_CHARACTERS

E164 = phonenumbers.PhoneNumberFormat.E164
INTERNATIONAL = phonenumbers.PhoneNumberFormat.INTERNATIONAL
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
DIGITS = st.text("0123456789", min_size=1, max_size=16)


@pytest.mark.parametrize(
    "text",
    [
        # Both pools of the sandbox, and numbers of the carriers that documentation shows.
        "+2348000001234",
        "+2341000001234",
        "+2348031234567",
        # From E.164: geographic, global services, networks, groups of countries; 15 digits.
        "+41227305111",
        "+80012345678",
        "+881612345678",
        "+882161234567",
        "+870773123456",
        "+49123456789012",
        "+498912345678901",
        # Ofcom's and the NANP's numbers for fiction, which are assigned to nobody.
        "+442079460958",
        "+447700900123",
        "+12025550123",
        "+15550100",
        # Italy keeps the zero of its areas.
        "+390612345678",
    ],
)
def test_what_is_in_e164_stays_as_it_is(text: str) -> None:
    assert read_e164(text) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+44 20 7946 0958", "+442079460958"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+4402079460958", "+442079460958"),
        ("+234-800-000-1234", "+2348000001234"),
        ("+1.202.555.0123", "+12025550123"),
        ("+1 (202) 555-0123", "+12025550123"),
        ("+39 06 1234 5678", "+390612345678"),
    ],
)
def test_numbers_as_people_write_them(text: str, number: str) -> None:
    assert read_e164(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "+1",
        "+12",
        "+234",
        "2348000001234",
        "08000001234",
        "(+44) 20 7946 0958",
        "++442079460958",
        "+44+2079460958",
        "+2348000001234\n",
        " +2348000001234",
        "+2348000001234\0",
        "+٢٣٤٨٠٠٠٠٠١٢٣٤",
        "＋442079460958",
        "tel:+2348000001234",
        "+1 800 FLOWERS",
        "+44 20 7946 0958 ext. 5",
        "+442079460958;ext=5",
        "+442079460958x5",
        # No such country, too short for its country, too long for it, too long for E.164.
        "+0348000001234",
        "+999123456789",
        "+1202555",
        "+120255501234",
        "+4989123456789012",
        # A trunk prefix before a trunk prefix.
        "+4400703866599",
    ],
)
def test_what_is_none(text: str) -> None:
    assert read_e164(text) is None


def test_a_long_text_is_not_read() -> None:
    number = "+442079460958"
    assert read_e164(number.ljust(NUMBER_CHARACTERS.most, " ")) == number
    assert read_e164(number.ljust(NUMBER_CHARACTERS.most + 1, " ")) is None


@given(st.text(max_size=20) | st.text("+0123456789 -.()x", max_size=20))
def test_a_number_is_a_plus_and_at_most_15_digits(text: str) -> None:
    number = read_e164(text)
    if number is not None:
        assert number[0] == "+"
        assert number[1:].isascii()
        assert number[1:].isdigit()
        assert len(number) <= 16


@given(st.sampled_from(CODES), DIGITS)
def test_a_number_that_was_read_reads_as_itself(code: int, digits: str) -> None:
    number = read_e164(f"+{code}{digits}")
    if number is not None:
        assert read_e164(number) == number


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_examples_of_every_country_are_numbers(region: str) -> None:
    found = 0
    for kind in phonenumbers.PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example is not None:
            e164 = phonenumbers.format_number(example, E164)
            assert read_e164(e164) == e164
            assert read_e164(phonenumbers.format_number(example, INTERNATIONAL)) == e164
            found += 1
    assert found
