"""A TOML file that a setting names: its tables, and how its mistakes are told.

A mistake refuses the start. Its sentence names the table and the key, never a value, which could
be a secret at the wrong place.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard, cast

from pydantic import SecretStr

from ringline.config.variables import PREFIX, SettingsProblem

#: Returns something if a name has the form that it must have.
Fits: TypeAlias = Callable[[str], object]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECRET = re.compile(r"[!-~]{1,512}")  # what a header can carry
_PLACE = re.compile(r"\(at (line \d+, column \d+|end of document)\)")
_TEXT_CHARACTERS = 255
_FILE_BYTES = 1024 * 1024
_MOST_SECONDS = 86_400

_A_NAME = (
    "a name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter "
    "or a digit"
)


class Table:
    """A table of the file that a setting names, and its path in it."""

    def __init__(self, path: str, members: Mapping[str, object], *, file: str) -> None:
        self.path = path
        self._members = members
        self._file = file

    def refused(self, why: str) -> SettingsProblem:
        """Return the problem of this table, as a sentence."""
        where = f"[{self.path}]: " if self.path else ""
        return SettingsProblem(f"{PREFIX}{self._file} is invalid: {where}{why}.")

    def names(self, fits: Fits = NAME.fullmatch, says: str = _A_NAME) -> tuple[str, ...]:
        """Return the names in it, each of which must fit. Raises SettingsProblem."""
        for name in self._members:
            if not fits(name):
                raise self.refused(says)
        return tuple(self._members)

    def refuse_others(self, *known: str) -> None:
        """Refuse keys other than these, naming the nearest. Raises SettingsProblem."""
        for name in self._members:
            if name not in known:
                shown = f'"{name}"' if NAME.fullmatch(name) else "one of its keys"
                near = get_close_matches(name, known, n=1)
                may = f"the nearest is {near[0]}" if near else f"it may have {', '.join(known)}"
                raise self.refused(f"{shown} is not known; {may}")

    def has(self, name: str) -> bool:
        """Return whether it has a key."""
        return name in self._members

    def value(self, name: str) -> object:
        """Return what a key holds. Raises SettingsProblem if it is missing."""
        value = self._members.get(name)
        if value is None:
            raise self.refused(f"{name} is missing")
        return value

    def table(self, name: str) -> "Table":
        """Return a table in it. Raises SettingsProblem."""
        inner = self._members.get(name)
        path = f"{self.path}.{name}".lstrip(".")
        if inner is None:
            raise self.refused(f"the table [{path}] is missing")
        if not isinstance(inner, dict):
            raise self.refused(f"{name} must be a table")
        return Table(path, cast("dict[str, object]", inner), file=self._file)

    def table_or_none(self, name: str) -> "Table":
        """Return a table that may be missing, then without members. Raises SettingsProblem."""
        if self.has(name):
            return self.table(name)
        return Table(f"{self.path}.{name}".lstrip("."), {}, file=self._file)

    def tables(self) -> Iterator[tuple[str, "Table"]]:
        """Return its keys, each of which must be a table. Raises SettingsProblem."""
        for name in self.names():
            yield name, self.table(name)

    def seconds(self, name: str) -> float:
        """Return a number of seconds. Raises SettingsProblem."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refused(f"{name} must be a number of seconds")
        if not 0 < value <= _MOST_SECONDS:
            raise self.refused(f"{name} must be above 0, and at most {_MOST_SECONDS:,}")
        return float(value)

    def text(self, name: str) -> str:
        """Return a text. Raises SettingsProblem."""
        value = self.value(name)
        if not _is_short_text(value):
            raise self.refused(f"{name} must be a text of 1 to {_TEXT_CHARACTERS} characters")
        return value

    def text_or_none(self, name: str) -> str:
        """Return a text that may be missing, then empty. Raises SettingsProblem."""
        return self.text(name) if self.has(name) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, without repetition. Raises SettingsProblem."""
        values = self.value(name)
        texts = (
            [text for text in cast("list[object]", values) if _is_short_text(text)]
            if isinstance(values, list)
            else []
        )
        if not texts or len(texts) != len(cast("list[object]", values)):
            raise self.refused(f"{name} must be a list of one or more texts")
        if len({text.casefold() for text in texts}) < len(texts):
            raise self.refused(f"{name} has an entry twice")
        return tuple(texts)

    def secret_or_none(self, name: str, environ: Mapping[str, str]) -> SecretStr | None:
        """Return what the variable holds that a key names, if the key is there.

        Raises SettingsProblem.
        """
        if not self.has(name):
            return None
        text = environ.get(self.text(name), "").strip()
        if not text:
            raise self.refused(f"{name} must name an environment variable that is set")
        if not _SECRET.fullmatch(text):
            raise self.refused(
                f"{name} names a variable whose value is no key: up to 512 printable ASCII "
                "characters without spaces"
            )
        return SecretStr(text)


def load_toml(path: Path, file: str) -> dict[str, Any]:
    """Return the document that a setting names. Raises SettingsProblem."""
    problem = f"{PREFIX}{file} is invalid: "
    try:
        with path.open("rb") as opened:
            data = opened.read(_FILE_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise SettingsProblem(f"{problem}the file cannot be read: {why}.") from None
    if len(data) > _FILE_BYTES:
        raise SettingsProblem(f"{problem}the file is larger than 1 MiB.")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise SettingsProblem(f"{problem}the file is not UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))  # the rest of the text may quote a value
        where = f" ({place[1]})" if place else ""
        raise SettingsProblem(f"{problem}the file is not TOML{where}.") from None


def _is_short_text(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str)
        and len(value) <= _TEXT_CHARACTERS
        and value.isprintable()
        and bool(value.strip())
    )
