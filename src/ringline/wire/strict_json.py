"""The JSON decoder for all input: strict, bounded, and never a crash.

This module decides what JSON we accept from outside: UTF-8 without lone surrogates, at most
`MAX_DEPTH` levels deep, numbers that a program can represent, and no U+0000 in keys or values
(contract, 11: the database's text type cannot hold it). Each array, object and member costs a
bracket, a brace or a comma, and many times their bytes once parsed, so these are counted first
(contract, 13). Any other input raises a `JsonProblem`, whose message does not quote the input,
so that it may be logged and sent.
"""

import re
import sys
from collections.abc import Mapping
from typing import Generic, TypeVar, cast

import msgspec

from ringline.domain import limits
from ringline.domain.limit import Limit

MAX_DEPTH = limits.JSON_DEPTH.most
_PIECE = 64 * 1024  # characters that are counted at a time

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
#: An escaped null: the backslash before its `u` is not itself escaped.
_NULL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

#: A step of a path as msgspec writes it; it does not name the keys of a map.
_STEP = re.compile(r"\[(?P<index>[0-9]+)\]|(?P<member>[^.\[\]]+)")

#: How msgspec begins its message about a member that an object may not have.
_UNKNOWN = "Object contains unknown field"

T = TypeVar("T")


class JsonProblem(ValueError):
    """Bad JSON; `message` is a sentence that does not quote the input."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotJson(JsonProblem):
    """The text is not JSON, or never acceptable (too deep, too many marks, U+0000)."""


class NotUtf8(NotJson):
    """The bytes are not UTF-8."""

    def __init__(self) -> None:
        super().__init__("text is not valid UTF-8")


class WrongShape(JsonProblem):
    """JSON, but not of the expected shape; `path` is where, e.g. `config.voice`."""

    def __init__(self, what: str, path: str) -> None:
        super().__init__(f"{what} at {path}" if path else what)
        self.what = what
        self.path = path

    @property
    def steps(self) -> tuple[str | int, ...]:
        """Return the path step by step: members by name, and indexes."""
        found = _STEP.finditer(self.path)
        return tuple(int(step["index"]) if step["index"] else step["member"] for step in found)


class StrictDecoder(Generic[T]):
    """A decoder for one shape of JSON with at most `marks` marks; None is no limit.

    Only a client that decodes its own server's messages may leave out the limit.
    """

    def __init__(self, shape: type[T], marks: Limit | None = limits.JSON_MARKS) -> None:
        self._decoder = msgspec.json.Decoder(shape)
        self._most = sys.maxsize if marks is None else marks.most

    def decode(self, data: str | bytes) -> T:
        """Decode JSON text. Raises NotJson or WrongShape."""
        try:
            text = data.decode("utf-8") if isinstance(data, bytes) else data
            opened = 0
            # Most texts are one object of texts and numbers; to look for a second mark is faster
            # than to count.
            if len(text) > self._most or text.find("{", 1) >= 0 or "[" in text:
                opened = _count_opened(text, self._most)
            value = self._decoder.decode(text)
            if "\\" in text and "\\u0000" in text and _NULL.search(text):
                raise NotJson("text must not contain U+0000")
            if opened > MAX_DEPTH and _is_deep(text):
                raise NotJson("JSON is nested too deeply")
        except msgspec.ValidationError as error:
            raise wrong_shape(error) from None
        except RecursionError:
            raise NotJson("JSON is nested too deeply") from None
        except NotJson:
            raise
        except UnicodeError:
            raise NotUtf8 from None
        except ValueError:  # msgspec.DecodeError is one
            raise NotJson("text is not valid JSON") from None
        return value


def wrong_shape(error: msgspec.ValidationError) -> WrongShape:
    """Turn msgspec's error into ours, with the path as a client would write it."""
    text = str(error)
    what, _, where = text.rpartition(" - at `")
    where = where.removeprefix("key` in `")
    if not (where.startswith("$") and where.endswith("`")):  # the error is about the whole value
        what, where = text, "$`"
    if what.startswith("Invalid"):  # these messages quote the value
        what = "Invalid value"
    if what.startswith(_UNKNOWN):  # and this one the member's name
        what = _UNKNOWN
    what = what.replace("`", "")
    return WrongShape(what[:1].lower() + what[1:], where[1:-1].lstrip("."))


def as_object(value: object) -> Mapping[str, object]:
    """Return a JSON value that is an object; an empty one for any other value."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


_encode = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """Encode compact JSON."""
    return _encode(value)


def _count_opened(text: str, most: int) -> int:
    """Count brackets and braces; refuse more of them and of commas than allowed.

    A short text cannot have too many; a long text with too many is not scanned to the end.
    """
    if len(text) <= most:
        return text.count("[") + text.count("{")
    opened = commas = 0
    for start in range(0, len(text), _PIECE):
        end = start + _PIECE
        opened += _count("[", text, start=start, end=end) + _count("{", text, start=start, end=end)
        commas += _count(",", text, start=start, end=end)
        if opened + commas > most:
            raise NotJson("JSON has too many arrays, objects and members")
    return opened


def _count(mark: str, text: str, *, start: int, end: int) -> int:
    """Count a mark in a part of a text, quickly if it has none, as most prose does."""
    return 0 if text.find(mark, start, end) < 0 else text.count(mark, start, end)


def _is_deep(text: str) -> bool:
    """Return whether valid JSON is nested too deeply, without building its objects.

    Everything but brackets is removed; then each round removes the innermost pairs.
    """
    brackets = _STRING.sub(b"", text.encode()).translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)
