"""Rows that the journal writes and the surfaces read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from ringline.domain.audit import AuditEntry
from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    ParticipantRole,
    TurnRole,
)
from ringline.domain.events import Event
from ringline.domain.latency import Latency
from ringline.domain.log import Scope
from ringline.domain.operators import QueueEntryStatus
from ringline.domain.voice import Usage, UsageKind


@dataclass(frozen=True, slots=True)
class CallRow:
    """A row of `calls`. `uuid` is the integrator's `callUuid` or the call's own UUID.

    `duration_seconds` is the reported duration of an external call; without it, the seconds
    from the answer to the end are stored. `metadata` is the integrator's own data, which no
    client of the call is shown. `resolved` is decided when the call ends
    (`domain/resolution.py`).
    """

    id: UUID
    uuid: str
    direction: CallDirection
    from_number: str
    to_number: str
    source: str
    transport: CallTransport
    status: CallStatus
    started_at: datetime
    agent_id: UUID | None = None
    model: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    hangup_cause: HangupCause | None = None
    sip_username: str | None = None
    conversation_id: UUID | None = None
    duration_seconds: int | None = None
    metadata: Mapping[str, object] | None = None
    recording_consent: bool | None = None
    resolved: bool | None = None


def talk_time_s(answered_at: datetime | None, ended_at: datetime) -> int:
    """Return whole seconds from the answer to the end; 0 if unanswered (contract, 4)."""
    if answered_at is None:
        return 0
    return max(0, int((ended_at - answered_at).total_seconds()))


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    """A row of `call_participants`."""

    id: UUID
    call_id: UUID
    member_uuid: str
    role: ParticipantRole
    joined_at: datetime
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A row of `call_transcripts`: one finished turn.

    `spoken_text` is what was heard of an interrupted turn, where the playback clock knows it.
    A turn that is not `recognized` has no text: the caller's speech was not understood.
    """

    id: UUID
    call_id: UUID
    turn_id: UUID
    item_id: str
    content_index: int
    role: TurnRole
    text: str
    interrupted: bool
    occurred_at: datetime
    spoken_text: str | None = None
    recognized: bool = True
    latency: Latency | None = None


@dataclass(frozen=True, slots=True)
class QueueEntryRow:
    """A row of `call_queue_entries`: one wait of a call in a queue.

    An open entry times out at `expires_at`.
    """

    id: UUID
    queue_id: UUID
    call_id: UUID
    status: QueueEntryStatus
    entered_at: datetime
    expires_at: datetime | None = None
    offered_at: datetime | None = None
    accepted_at: datetime | None = None
    left_at: datetime | None = None
    accepted_by_sip_user_id: UUID | None = None
    accepted_by_agent_name: str | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A row of `usage`: what a voice has used since its last report, and what that costs.

    `usd` is by the prices of `prices_date`. `call_id` is None for a turn in the playground.
    Writing a row again changes nothing.
    """

    id: UUID
    call_id: UUID | None
    agent_id: UUID | None
    model: str
    kind: UsageKind
    usage: Usage
    usd: float
    prices_date: date
    occurred_at: datetime


Record: TypeAlias = CallRow | ParticipantRow | TurnRow | QueueEntryRow | UsageRow | AuditEntry


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal writes at once: rows, and the events that report them.

    An entry belongs to one log. Ephemeral events have no row; they keep their position in the
    queue and are published with the entry. An entry with records has a durable event, by which
    it is found in the log again, or its records are `UsageRow`s, which may be written twice. An
    order that somebody gave may add its `AuditEntry`.
    """

    scope: Scope
    events: tuple[Event, ...]
    records: tuple[Record, ...] = ()
    call_id: UUID | None = None

    def noting(self, deed: AuditEntry) -> "Entry":
        """Return the entry with that of the order that it follows from."""
        return replace(self, records=(*self.records, deed))

    @property
    def durable(self) -> tuple[Event, ...]:
        """Return the events that become rows of the log."""
        return tuple(event for event in self.events if event.data.durable)


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A stored call with its participants and its latest queue entry.

    `runs` is whether a process of ours runs it; if not, it is an external call.
    """

    row: CallRow
    participants: tuple[ParticipantRow, ...]
    entry: QueueEntryRow | None
    runs: bool


@dataclass(frozen=True, slots=True)
class AbandonedCall:
    """An open call whose process is dead: what is needed to end its record."""

    scope: Scope
    call: CallRow
    participants: tuple[ParticipantRow, ...]
    turns: tuple[TurnRow, ...]
    #: When its process was last known to be alive, to within 5 s.
    lost_at: datetime
