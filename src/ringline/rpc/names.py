"""Things by their names, in either spelling (events socket, 4.2)."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from ringline.domain.spelling import snake


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
