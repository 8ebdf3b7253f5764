"""The GSM 7 bit default alphabet, and the parts of an SMS (3GPP TS 23.038, 6.2.1; 23.040, 9.2.3).

Live streams, 6.4: an SMS in the default alphabet has 160 characters, or 153 in each part of
several; any other one is in UCS-2 and has 70, or 67. A character of the extension table takes
two places, and one outside the Basic Multilingual Plane two units of UTF-16; neither is split
between parts.
"""

from dataclasses import dataclass
from enum import StrEnum

#: The default alphabet in the order of its codes; 0x1B is the escape to the extension table.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

#: The extension table, by the code that follows the escape.
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_ONE = frozenset(ALPHABET) - {"\x1b"}
_TWO = frozenset(EXTENSION.values())


class Encoding(StrEnum):
    """The encodings of an SMS."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


#: How many places one part has, and each part of several.
PLACES = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}


@dataclass(frozen=True, slots=True)
class Segmented:
    """How an SMS is sent: its encoding, and in how many parts."""

    encoding: Encoding
    segments: int


def segment(text: str) -> Segmented:
    """Return how a text is sent as an SMS; an empty one is one part."""
    encoding = (
        Encoding.GSM_7 if all(sign in _ONE or sign in _TWO for sign in text) else Encoding.UCS_2
    )
    sizes = [_places(sign, encoding) for sign in text]
    alone, each = PLACES[encoding]
    if sum(sizes) <= alone:
        return Segmented(encoding, 1)
    parts, left = 1, each
    for size in sizes:
        if size > left:
            parts, left = parts + 1, each
        left -= size
    return Segmented(encoding, parts)


def _places(sign: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM_7:
        return 2 if sign in _TWO else 1
    return 2 if ord(sign) > 0xFFFF else 1
