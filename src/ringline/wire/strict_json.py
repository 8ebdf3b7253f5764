"""JSON as every wall reads it: strict, bounded, and never a crash.

One place decides what JSON this project accepts from outside: UTF-8 without lone
surrogates, at most `MAX_DEPTH` levels deep, numbers that a program can hold, and no
U+0000 anywhere, in keys or values (contract, 11: a database's text cannot hold it).
Whatever else arrives is a `JsonProblem`, whose text is a sentence that quotes nothing of
the input, so that it may be logged and sent.
"""

import re
from typing import Generic, TypeVar, cast

import msgspec

MAX_DEPTH = 64  # levels of arrays and objects; tool schemas need about ten

T = TypeVar("T")

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?$", re.DOTALL)


class JsonProblem(ValueError):
    """Bad JSON; its text is a sentence that quotes nothing of the input."""


class NotJson(JsonProblem):
    """The text is not JSON, or JSON that is never accepted (too deep, U+0000)."""


class WrongShape(JsonProblem):
    """JSON, but not of the expected shape; `path` is where, e.g. `config.voice`."""

    def __init__(self, what: str, path: str) -> None:
        super().__init__(f"{what} at {path}" if path else what)
        self.what = what
        self.path = path


class StrictDecoder(Generic[T]):
    """A reader of one shape of JSON."""

    def __init__(self, shape: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(shape)

    def decode(self, data: str | bytes) -> T:
        """Read JSON text. Raises NotJson or WrongShape."""
        try:
            text = data.decode("utf-8") if isinstance(data, bytes) else data
            value = self._decoder.decode(text)
            _refuse_excess(text)
        except msgspec.ValidationError as error:
            raise wrong_shape(error) from None
        except RecursionError:
            raise NotJson("JSON is nested too deeply") from None
        except NotJson:
            raise
        except UnicodeError:
            raise NotJson("text is not valid UTF-8") from None
        except ValueError:  # msgspec.DecodeError is one
            raise NotJson("text is not valid JSON") from None
        return value


def wrong_shape(error: msgspec.ValidationError) -> WrongShape:
    """Turn msgspec's error into one whose path reads as a client would write it."""
    match = _AT.match(str(error))
    assert match is not None, "the pattern matches every text"
    what = match["what"].replace("`", "")
    if what.startswith("Invalid"):  # these quote the value
        what = "Invalid value"
    return WrongShape(what[:1].lower() + what[1:], (match["path"] or "").lstrip("."))


def encode(value: object) -> bytes:
    """Write compact JSON."""
    return msgspec.json.encode(value)


def _refuse_excess(text: str) -> None:
    """Refuse U+0000 and deep nesting, looking closer only where they can be."""
    suspicious = "\\u0000" in text or text.count("[") + text.count("{") > MAX_DEPTH
    if not suspicious:
        return
    level: list[object] = [msgspec.json.decode(text)]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[object] = []
        for value in level:
            if isinstance(value, str):
                if "\0" in value:
                    raise NotJson("text must not contain U+0000")
            elif isinstance(value, dict):
                members = cast("dict[str, object]", value)
                deeper.extend(members.keys())
                deeper.extend(members.values())
            elif isinstance(value, list):
                deeper.extend(cast("list[object]", value))
        if not deeper:
            return
        level = deeper
    raise NotJson("JSON is nested too deeply")
