"""Who is present in one log: a list of metas by key, and what has changed in it (contract, 11).

A key is a person, a meta one of their sockets. Changes gather until they are taken, so that a
thousand sockets that come at once are one change for their listeners.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Meta:
    """One socket of a person: its reference, unique for ever, and when it joined."""

    ref: str
    online_at: datetime


#: Metas by their references, by key.
Metas: TypeAlias = Mapping[str, Mapping[str, Meta]]
_Mutable: TypeAlias = dict[str, dict[str, Meta]]


@dataclass(frozen=True, slots=True)
class Changes:
    """What listeners apply to their list: the metas that joined, then those that left."""

    joins: Metas
    leaves: Metas


class Roster:
    """The metas of one log, at most `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._metas: _Mutable = {}
        self._joins: _Mutable = {}
        self._leaves: _Mutable = {}
        self._shown = False  # since changes were last taken

    def __len__(self) -> int:
        return self._size

    def join(self, key: str, meta: Meta) -> bool:
        """Add a meta; return False if there is no room for it."""
        if self._size >= self._most:
            return False
        self._size += 1
        self._metas.setdefault(key, {})[meta.ref] = meta
        self._joins.setdefault(key, {})[meta.ref] = meta
        return True

    def leave(self, key: str, meta: Meta) -> None:
        """Remove a meta that joined."""
        self._size -= 1
        _drop(self._metas, key, ref=meta.ref)
        is_news = _drop(self._joins, key, ref=meta.ref)
        # One that came and went was told to no client, unless one joined in between.
        if self._shown or not is_news:
            self._leaves.setdefault(key, {})[meta.ref] = meta

    def show(self) -> Metas:
        """Return the list as it is now, for somebody who will be told of later changes."""
        self._shown = True
        return self._metas

    def metas_of(self, key: str) -> Mapping[str, Meta]:
        """Return a key's metas."""
        return self._metas.get(key, {})

    def take_changes(self) -> Changes | None:
        """Return what has changed since this was last asked; None if nothing has."""
        joins, leaves = self._joins, self._leaves
        self._joins, self._leaves, self._shown = {}, {}, False
        return Changes(joins, leaves) if joins or leaves else None


def _drop(metas: _Mutable, key: str, *, ref: str) -> bool:
    of_key = metas.get(key, {})
    found = of_key.pop(ref, None) is not None
    if found and not of_key:
        del metas[key]
    return found
