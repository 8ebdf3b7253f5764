"""Identifiers: one UUIDv7 per row, in two formats (contract, 1).

RPC and the events socket show the lower-case hyphenated UUID; `/v1` and `/v3` show
`<prefix>_` and 22 characters of base62 of the same 128 bits. Both are accepted wherever
an id is given, so every surface reads ids through `parse_id`.
"""

from enum import StrEnum
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_PAIR = len(_PAIRS)
#: Four digits are divided off at a time: Python divides by less than 2**30 much faster.
_FOUR = _PAIR * _PAIR
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_WIDTH = 22  # characters that 128 bits take in base62


class Prefix(StrEnum):
    """The kinds of ids, by their prefix."""

    WORKSPACE = "ws"
    AGENT = "agt"
    CALL = "call"
    SESSION = "sess"
    CONVERSATION = "conv"
    CONVERSATION_ITEM = "itm"
    TURN = "trn"
    TRANSCRIPT = "tra"
    PARTICIPANT = "par"
    CONTACT = "con"
    QUEUE = "que"
    QUEUE_ENTRY = "qen"
    USAGE = "usg"
    GATEWAY = "gtw"
    SIP_USER = "sip"
    OPERATOR_STATUS = "ops"
    PHONE_NUMBER = "num"
    ROUTING_RULE = "rule"
    PROVIDER_CREDENTIAL = "pcr"
    USER = "usr"
    INVITATION = "inv"
    KEY = "key"
    EVENT = "evt"
    AUDIT_ENTRY = "aud"
    REQUEST = "req"
    WEBHOOK_ENDPOINT = "whe"
    DELIVERY = "del"
    MESSAGE = "msg"
    TEMPLATE = "tpl"
    TOOL_CALL = "tcl"


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """Make a UUIDv7 (RFC 9562, 5.7) from a time and 74 random bits."""
    rand_a = (random_bits >> 62) & 0xFFF
    rand_b = random_bits & ((1 << 62) - 1)
    value = ((unix_ms & ((1 << 48) - 1)) << 80) | (0x7 << 76) | (rand_a << 64)
    return UUID(int=value | (0b10 << 62) | rand_b)


def format_id(prefix: Prefix, value: UUID) -> str:
    """Format an id as `/v1` and `/v3` do: `call_` and 22 characters of base62."""
    left, e = divmod(value.int, _FOUR)
    left, d = divmod(left, _FOUR)
    left, c = divmod(left, _FOUR)
    left, b = divmod(left, _FOUR)
    left, a = divmod(left, _FOUR)
    return (
        f"{prefix}_{_PAIRS[left]}{_PAIRS[a // _PAIR]}{_PAIRS[a % _PAIR]}{_PAIRS[b // _PAIR]}"
        f"{_PAIRS[b % _PAIR]}{_PAIRS[c // _PAIR]}{_PAIRS[c % _PAIR]}{_PAIRS[d // _PAIR]}"
        f"{_PAIRS[d % _PAIR]}{_PAIRS[e // _PAIR]}{_PAIRS[e % _PAIR]}"
    )


def parse_id(prefix: Prefix, text: str) -> UUID | None:
    """Parse an id in either format; None if it is not an id of this kind."""
    if len(text) == 36:
        return _parse_hyphenated(text)
    head, separator, tail = text.partition("_")
    if not separator or head != prefix or len(tail) != _WIDTH:
        return None
    number = 0
    for character in tail:
        digit = _VALUES.get(character)
        if digit is None:
            return None
        number = number * 62 + digit
    return UUID(int=number) if number < 1 << 128 else None


def _parse_hyphenated(text: str) -> UUID | None:
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
