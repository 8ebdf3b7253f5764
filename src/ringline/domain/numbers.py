"""What is known of a phone number by itself: its type and its carrier (live streams, 6.4, 6.6)."""

from collections.abc import Mapping
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberType


class NumberChannel(StrEnum):
    """What a number of ours is used for."""

    VOICE = "voice"
    SMS = "sms"
    WHATSAPP = "whatsapp"


class NumberType(StrEnum):
    """The types of numbers that the published surface has."""

    GEO_DID = "geo_did"
    MOBILE_VIRTUAL = "mobile_virtual"
    INTL_DID = "intl_did"
    SHORTCODE = "shortcode"


class Mno(StrEnum):
    """The mobile network operators of Nigeria."""

    MTN = "MTN"
    GLO = "Glo"
    AIRTEL = "Airtel"
    NINE_MOBILE = "9mobile"


_NIGERIA = 234

#: The pools of the sandbox, which the country's plan does not have.
SANDBOX_POOLS: Mapping[str, NumberType] = {
    "+234800000": NumberType.MOBILE_VIRTUAL,
    "+234100000": NumberType.GEO_DID,
}

#: Nigeria's types, and those of all other countries that an international number may have.
_TYPES: Mapping[int, NumberType] = {
    PhoneNumberType.FIXED_LINE: NumberType.GEO_DID,
    PhoneNumberType.MOBILE: NumberType.MOBILE_VIRTUAL,
}
_INTERNATIONAL = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
    }
)

#: Each operator's prefixes, as they are dialled in the country.
MNO_PREFIXES: Mapping[Mno, tuple[str, ...]] = {
    Mno.MTN: ("0803", "0806", "0703", "0706", "0813", "0816", "0810", "0814"),
    Mno.GLO: ("0805", "0807", "0705", "0815", "0811"),
    Mno.AIRTEL: ("0802", "0808", "0708", "0812"),
    Mno.NINE_MOBILE: ("0809", "0817", "0818", "0908", "0909"),
}
_OPERATORS = {
    f"+{_NIGERIA}{prefix.removeprefix('0')}": mno
    for mno, prefixes in MNO_PREFIXES.items()
    for prefix in prefixes
}
_PREFIX_LENGTH = len("+234803")


def type_of(e164: str) -> NumberType | None:
    """Return the type of a number in E.164; None if the published surface has no word for it.

    A geographic, mobile or Internet number of another country than Nigeria is international. A
    number that its country's plan has not assigned, or that is free or dear to call, has no type.
    """
    for pool, type_ in SANDBOX_POOLS.items():
        if e164.startswith(pool):
            return type_
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:  # stored before numbers were read
        return None
    found = phonenumbers.number_type(number)
    if number.country_code == _NIGERIA:
        return _TYPES.get(found)
    return NumberType.INTL_DID if found in _INTERNATIONAL else None


def mno_of(e164: str) -> Mno | None:
    """Return the operator of a Nigerian mobile number by its prefix; None of any other number.

    Numbers can be ported, so that it is the operator that assigned the number.
    """
    return _OPERATORS.get(e164[:_PREFIX_LENGTH])
