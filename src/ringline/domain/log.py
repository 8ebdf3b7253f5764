"""The event log's coordinates: which log, and where in it (contract, 2).

A workspace has one log per environment; the two never meet. A position is
`<epoch>:<offset>`; the first offset is 1, and `0` means "from the beginning".
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from ringline.domain.ids import Prefix, parse_id

_POSITION = re.compile(r"([0-9a-z]{8}):(0|[1-9][0-9]{0,17})")


class Environment(StrEnum):
    """The two halves of a workspace; keys belong to one of them."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One log: a workspace and an environment. Their order is the order of locks."""

    workspace_id: UUID
    environment: Environment


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a log: everything up to and including `offset` is behind it."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"


@dataclass(frozen=True, slots=True)
class FromBeginning:
    """The position `0`: before the first event, whatever the epoch."""


@dataclass(frozen=True, slots=True)
class AfterEvent:
    """A position told by the id of the last event seen."""

    event_id: UUID


Since: TypeAlias = Position | FromBeginning | AfterEvent


def parse_since(text: str) -> Since | None:
    """Read a position, `0` or an event id; None if it is none of them."""
    if text == "0":
        return FromBeginning()
    if match := _POSITION.fullmatch(text):
        return Position(match[1], int(match[2]))
    event_id = parse_id(Prefix.EVENT, text)
    return AfterEvent(event_id) if event_id is not None else None
