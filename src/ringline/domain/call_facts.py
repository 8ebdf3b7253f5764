"""What those who serve a call are told about it: its voice, and its agent's receiver."""

from dataclasses import dataclass
from uuid import UUID

from ringline.domain.call_vocabulary import CallDirection
from ringline.domain.log import Scope


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call as it was offered; none of it changes while it runs."""

    scope: Scope
    id: UUID
    direction: CallDirection
    from_number: str
    to_number: str
    agent_id: UUID | None = None
