"""Names: clients write camelCase, columns are snake_case; both are accepted (4.2)."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
_STEP = re.compile(r"_([a-z0-9])")


def snake(name: str) -> str:
    """Return `phone_e164` for `phoneE164`."""
    return _HUMP.sub(r"_\1", name).lower()


def camel(name: str) -> str:
    """Return `phoneE164` for `phone_e164`; a camelCase name stays unchanged."""
    return _STEP.sub(lambda match: match[1].upper(), name)


class Named(Protocol):
    """Anything with a camelCase name."""

    @property
    def name(self) -> str:
        """Return the name as clients write it."""
        ...


T = TypeVar("T", bound=Named)


def by_name(things: Iterable[T]) -> Mapping[str, T]:
    """Index things by both spellings of their names."""
    index: dict[str, T] = {}
    for thing in things:
        index[thing.name] = index[snake(thing.name)] = thing
    return index
