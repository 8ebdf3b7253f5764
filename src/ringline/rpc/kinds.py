"""Kinds of values: what is accepted, how it is stored, how it is shown (events socket, 4.12).

A kind takes a JSON value and returns the value for the database, or raises BadValue. A kind
never sees null: whether null is allowed depends on the field.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import isfinite
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ringline.domain import limits
from ringline.domain.agent import Tool
from ringline.domain.agent_checks import Flaw, agent_tool_flaws
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.local_dialogue import local_flaws, read_local
from ringline.domain.log import Since, parse_since
from ringline.domain.phone_numbers import BAD_NUMBER, read_e164
from ringline.wire.rpc import suggestion
from ringline.wire.strict_json import encode, wrong_shape

#: The maximum length of a short text; in UTF-8 never over `limits.SHORT_TEXT_BYTES`.
MAX_TEXT = 255
_LONG = limits.LONG_TEXT_BYTES.most
_OFFSET = re.compile(r"[0-9]{1,18}")
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_INT32 = range(-(2**31), 2**31)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


class BadValue(ValueError):
    """A value that a kind does not accept; the `message` does not quote it.

    `vars` holds the values of the message's placeholders, `path` leads to a value inside
    the given one, `others` are further bad values in it, and `details` say what was
    probably meant.
    """

    def __init__(self, message: str = "is invalid", **variables: object) -> None:
        super().__init__(message)
        self.message = message
        self.vars = variables
        self.path: tuple[str, ...] = ()
        self.others: tuple[BadValue, ...] = ()
        self.details: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Text:
    """A string; trimmed, with blank as null, unless it must be kept unchanged.

    Short texts are bounded in characters, longer ones (`max_length` None) in bytes. If blank
    is a value in itself and not null, `blank` is set.
    """

    max_length: int | None = MAX_TEXT
    trim: bool = True
    pattern: str | None = None
    max_bytes: int | None = None
    blank: str | None = None

    def cast(self, value: object) -> str | None:
        """Take a string."""
        if not isinstance(value, str):
            raise BadValue("must be a string")
        text = value.strip() if self.trim else value
        if not text:
            return self.blank
        if self.max_length is not None and len(text) > self.max_length:
            raise BadValue("length must be less than or equal to %{max}", max=self.max_length)
        if self.max_bytes is not None:
            _check_size(text, self.max_bytes)
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            raise BadValue("must match the pattern %{regex}", regex=f"^{self.pattern}$")
        return text


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number, stored and shown in E.164; blank is null."""

    def cast(self, value: object) -> str | None:
        """Take a number with its country's code."""
        if not isinstance(value, str):
            raise BadValue("must be a string")
        text = value.strip()
        if not text:
            return None
        number = read_e164(text)
        if number is None:
            raise BadValue(BAD_NUMBER)
        return number


@dataclass(frozen=True, slots=True)
class Id:
    """A row's id, in either form (contract, 1)."""

    prefix: Prefix

    def cast(self, value: object) -> UUID:
        """Take a UUID, or the prefix and 22 characters."""
        found = parse_id(self.prefix, value) if isinstance(value, str) else None
        if found is None:
            raise BadValue("is not an id of this kind of record")
        return found


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number of at most 32 bits; larger ones are `clamped` to a maximum."""

    minimum: int | None = None
    clamped: int | None = None
    maximum: int | None = None

    def cast(self, value: object) -> int:
        """Take a number, or a string of digits."""
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadValue("must be a whole number of at most 32 bits")
        if self.clamped is not None and value > self.clamped:
            value = self.clamped
        if value not in _INT32:
            raise BadValue("must be a whole number of at most 32 bits")
        if self.minimum is not None and value < self.minimum:
            raise BadValue("must be greater than or equal to %{min}", min=self.minimum)
        if self.maximum is not None and value > self.maximum:
            raise BadValue("must be less than or equal to %{max}", max=self.maximum)
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number, whole or not."""

    def cast(self, value: object) -> float:
        """Take a number that a double can hold."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):
                number = float(value)
                if isfinite(number):
                    return number
        raise BadValue("must be a number")


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def cast(self, value: object) -> bool:
        """Accept a boolean, or one of "true", "false", "1", "0"."""
        found = _BOOLEANS.get(value) if isinstance(value, str) else value
        if not isinstance(found, bool):
            raise BadValue("must be true or false")
        return found


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A time, shown in UTC with microseconds."""

    def cast(self, value: object) -> datetime:
        """Take ISO 8601 with an offset."""
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
            if moment is not None and moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise BadValue("must be a time in ISO 8601 with its offset: 2026-01-31T12:00:00Z")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def cast(self, value: object) -> str:
        """Take one of the words."""
        if not isinstance(value, str) or value not in self.words:
            bad = BadValue("must be one of: %{options}", options=", ".join(self.words))
            bad.details = suggestion(value, self.words) if isinstance(value, str) else {}
            raise bad
        return value


@dataclass(frozen=True, slots=True)
class Map:
    """An object whose contents are the client's own; its keys are never renamed."""

    max_bytes: int = _LONG

    def cast(self, value: object) -> str:
        """Take an object."""
        if not isinstance(value, dict):
            raise BadValue("must be an object")
        return _json(cast("dict[str, object]", value), self.max_bytes)


@dataclass(frozen=True, slots=True)
class ToolList:
    """The tools of an agent (realtime voice, 4)."""

    max_bytes: int = _LONG

    def cast(self, value: object) -> str:
        """Take a list of tools."""
        _members(value)
        try:
            tools = msgspec.convert(value, list[Tool])
        except msgspec.ValidationError as error:
            wrong = wrong_shape(error)
            raise _bad_inside(Flaw(wrong.steps, wrong.what)) from None
        _refuse(agent_tool_flaws(tools))
        return _json(tools, self.max_bytes)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The phrases and replies of an agent's local voice (the local voice's page)."""

    max_bytes: int = _LONG

    def cast(self, value: object) -> str:
        """Take an object of phrases and replies."""
        _refuse(local_flaws(value, strict=True))
        return _json(read_local(value), self.max_bytes)


@dataclass(frozen=True, slots=True)
class TextList:
    """A list of strings, or of words of a few; of at least so many, and `distinct` ones."""

    item: "Text | Choice" = field(default_factory=Text)
    max_bytes: int = _LONG
    least: int = 0
    distinct: bool = False

    def cast(self, value: object) -> list[str]:
        """Take a list of strings that are not blank."""
        texts = [self.item.cast(text) for text in _members(value)]
        if None in texts:
            raise BadValue("must be a list of texts that are not blank")
        if len(texts) < self.least:
            raise BadValue("must have at least %{min} members", min=self.least)
        if self.distinct and len(set(texts)) < len(texts):
            raise BadValue("must name each one once")
        _check_size("".join(cast("list[str]", texts)), self.max_bytes)
        return cast("list[str]", texts)


@dataclass(frozen=True, slots=True)
class AnswerLatency:
    """How long an answer took to begin: `totalMs`, `voiceMs` and `gatewayMs`; read only."""

    def cast(self, value: object) -> object:
        """Refuse any value: only calls measure it."""
        raise BadValue("cannot be set")


@dataclass(frozen=True, slots=True)
class LogPoint:
    """A point of the event log: a position, an event id, or an offset (contract, 10)."""

    def cast(self, value: object) -> Since | int:
        """Accept a string, or an offset as a number or digits."""
        if isinstance(value, str):
            since = int(value) if _OFFSET.fullmatch(value) else parse_since(value)
        else:
            since = value
        if since is None or isinstance(since, bool) or not isinstance(since, Since | int):
            raise BadValue("must be a position, an event id or an offset")
        if isinstance(since, int) and since < 0:
            raise BadValue("must be greater than or equal to %{min}", min=0)
        return since


@dataclass(frozen=True, slots=True)
class Choices:
    """One of a few words, or a list of them."""

    words: tuple[str, ...]

    def cast(self, value: object) -> tuple[str, ...]:
        """Take a word, or a list of at least one."""
        given = _members(cast("object", value)) if isinstance(value, list) else [value]
        if not given:
            raise BadValue("must name at least one")
        choice = Choice(self.words)
        return tuple(dict.fromkeys(choice.cast(word) for word in given))


def _members(value: object) -> list[object]:
    """Return the members of a list that is not too long."""
    if not isinstance(value, list):
        raise BadValue("must be a list")
    members = cast("list[object]", value)
    if len(members) > limits.LIST_MEMBERS.most:
        raise BadValue("must have at most %{max} members", max=limits.LIST_MEMBERS.most)
    return members


def _refuse(flaws: Iterable[Flaw]) -> None:
    """Raise BadValue if anything inside a value is wrong."""
    found = [_bad_inside(flaw) for flaw in islice(flaws, limits.PROBLEMS.most)]
    if found:
        first, *others = found
        first.others = tuple(others)
        raise first


def _bad_inside(flaw: Flaw) -> BadValue:
    bad = BadValue(flaw.problem)
    bad.path = tuple(str(step)[: limits.ECHOED.most] for step in flaw.path)
    return bad


def _check_size(text: str, most: int) -> None:
    if len(text) > most or (not text.isascii() and len(text.encode()) > most):
        raise BadValue("must have at most %{max} bytes", max=most)


def _json(value: object, most: int) -> str:
    try:
        text = encode(value)
    except OverflowError:  # a number of more than 64 bits
        raise BadValue("holds a number of more than 64 bits") from None
    if len(text) > most:
        raise BadValue("must have at most %{max} bytes", max=most)
    return text.decode()


Kind: TypeAlias = (
    Text
    | PhoneNumber
    | Id
    | Integer
    | Number
    | Boolean
    | Timestamp
    | Choice
    | Map
    | ToolList
    | Dialogue
    | TextList
    | AnswerLatency
    | LogPoint
    | Choices
)


#: The kinds whose values are JSON or lists: they vary in length and have no order.
STRUCTURED = (Map, ToolList, Dialogue, TextList, AnswerLatency)


def sql_type(kind: Kind) -> Any:
    """Return the type that values of a kind are bound as."""
    match kind:
        case Text() | PhoneNumber() | Choice():
            return sa.Text()
        case Id():
            return sa.Uuid()
        case Integer():
            return sa.Integer()
        case Number():
            return sa.Double[float]()
        case Boolean():
            return sa.Boolean()
        case Timestamp():
            return sa.DateTime(timezone=True)
        case Map() | ToolList() | Dialogue() | AnswerLatency():
            return JSONB()
        case TextList():
            return ARRAY(sa.Text())
        case LogPoint() | Choices():
            raise AssertionError("an argument of a reading, which is not stored")
