"""Phone numbers: read as people write them, kept in E.164. Pure.

The numbering plans come from `phonenumbers`, the port of Google's libphonenumber. What counts is
whether a number is *possible*: a country's code, and as many digits as numbers there have. Whether
a plan has assigned its range is not asked, since plans change faster than installations, and what
documentation and sandboxes show (`+1 555 0100`, `+234800000xxxx`) is assigned to nobody.
"""

import phonenumbers

from ringline.domain import v1_limits

BAD_NUMBER = "must be a number in E.164: +2348000001234"

#: What may stand between the digits after the `+`.
_NOTATION = frozenset("0123456789 -.()")
#: The `+` and the digits that E.164 allows; some plans have longer numbers of their own.
_LONGEST = 1 + 15


def read_e164(text: str) -> str | None:
    """Return a number as E.164 has it; None if it is none.

    It begins with `+` and the country's code. Spaces, hyphens, dots and parentheses are left
    out, and so is the trunk prefix of a country that drops it: `+44 (0)20 7946 0958`. Letters,
    extensions and `tel:` are refused, since E.164 cannot hold them.
    """
    if text[:1] != "+" or not _NOTATION.issuperset(text[1:]):
        return None
    if len(text) > v1_limits.NUMBER_CHARACTERS.most:
        return None
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_possible_number(number) or len(e164) > _LONGEST:
        return None
    # What is left of two trunk prefixes is a number with one.
    return e164 if e164 == text or read_e164(e164) == e164 else None
