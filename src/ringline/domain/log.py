"""The event log's coordinates: scopes and positions (contract, 2).

A workspace has one log per environment; they are separate. A position is
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
    """The two environments of a workspace; every key belongs to one."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """A log: a workspace and an environment. Logs are locked in ascending order."""

    workspace_id: UUID
    environment: Environment


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a log: after the event with this offset."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"


@dataclass(frozen=True, slots=True)
class FromBeginning:
    """The position `0`: before the first event, whatever the epoch."""


@dataclass(frozen=True, slots=True)
class AfterEvent:
    """A position given by the id of the last event received."""

    event_id: UUID


Since: TypeAlias = Position | FromBeginning | AfterEvent


def parse_since(text: str) -> Since | None:
    """Parse a position, `0` or an event id; None if it is neither."""
    if text == "0":
        return FromBeginning()
    if match := _POSITION.fullmatch(text):
        return Position(match[1], int(match[2]))
    event_id = parse_id(Prefix.EVENT, text)
    return AfterEvent(event_id) if event_id is not None else None
