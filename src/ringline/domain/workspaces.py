"""Workspaces, as they are listed and created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ringline.domain import v1_limits
from ringline.domain.agent import Agent
from ringline.domain.credentials import Key
from ringline.domain.log import Environment


class Tier(StrEnum):
    """What a workspace may use: how many requests and calls at once (live streams, 1.6)."""

    STARTER = "starter"
    BUILDER = "builder"
    SCALE = "scale"
    PAYG = "payg"


#: How many calls a workspace may have at once when it places another one.
CONCURRENT_CALLS = {
    Tier.STARTER: v1_limits.CALLS_OF_STARTER.most,
    Tier.BUILDER: v1_limits.CALLS_OF_BUILDER.most,
    Tier.SCALE: v1_limits.CALLS_OF_SCALE.most,
    Tier.PAYG: v1_limits.CALLS_OF_BUILDER.most,
}


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
