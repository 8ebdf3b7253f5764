"""Workspaces, as they are listed and created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ringline.domain.agent import Agent
from ringline.domain.credentials import Key
from ringline.domain.log import Environment


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace as it is listed."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewWorkspace:
    """A workspace to create: agents and queues per environment, and first keys."""

    id: UUID
    name: str
    created_at: datetime
    agents: Mapping[Environment, Agent]
    queues: Mapping[Environment, UUID]
    keys: Sequence[tuple[Key, bytes]]
    epochs: Mapping[Environment, str]
    #: Sealed.
    signing_secret: bytes
