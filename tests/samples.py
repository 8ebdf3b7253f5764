"""Events, entries, connections and listeners for tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from ringline.domain.call_vocabulary import (
    AuditType,
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    TurnRole,
)
from ringline.domain.events import (
    CallAudit,
    CallEnded,
    CallRef,
    Event,
    EventData,
    TranscriptDelta,
    TurnCompleted,
)
from ringline.domain.log import Environment, Position, Scope
from ringline.domain.publication import Published
from ringline.domain.records import Entry
from ringline.services.audience import Writer
from ringline.services.stream_ledger import DropReason, StreamSurface, Subscriber
from ringline.wire.dialect import Dialect

NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
_ids = iter(range(1, 1 << 60))


def new_id() -> UUID:
    return UUID(int=next(_ids))


def a_scope(number: int = 1, environment: Environment = Environment.LIVE) -> Scope:
    return Scope(UUID(int=number), environment)


def a_subscriber(number: int = 1, user: int | None = None) -> Subscriber:
    user_id = None if user is None else UUID(int=user)
    return Subscriber(StreamSurface.EVENTS_SOCKET, UUID(int=number), user_id)


def call_ref(call_id: UUID) -> CallRef:
    return CallRef(
        id=call_id,
        uuid=str(call_id),
        direction=CallDirection.INBOUND,
        from_number="web:anonymous",
        to_number="voice:local/attendant",
        transport=CallTransport.WEBSOCKET,
    )


def event(data: EventData, call_id: UUID | None = None) -> Event:
    return Event(new_id(), NOW, data, call_ref(call_id) if call_id is not None else None)


def note(call_id: UUID | None = None, code: str = "note") -> Event:
    return event(CallAudit(audit_type=AuditType.NOTE, code=code), call_id)


def partial(call_id: UUID, text: str, sequence: int, item: str = "item", delta: str = "") -> Event:
    data = TranscriptDelta(
        turn_id=call_id,
        item_id=item,
        role=TurnRole.CALLER,
        delta=delta,
        text=text,
        sequence=sequence,
    )
    return event(data, call_id)


def turn(call_id: UUID, text: str, item: str = "item") -> Event:
    data = TurnCompleted(
        turn_id=call_id, item_id=item, role=TurnRole.CALLER, text=text, transcript_id=new_id()
    )
    return event(data, call_id)


def ended(call_id: UUID) -> Event:
    data = CallEnded(
        status=CallStatus.COMPLETED,
        hangup_cause=HangupCause.CALLER_HANGUP,
        started_at=NOW,
        answered_at=None,
        ended_at=NOW,
        duration_seconds=0,
    )
    return event(data, call_id)


def entry(scope: Scope, *events: Event, call_id: UUID | None = None) -> Entry:
    if call_id is None and events and events[0].call is not None:
        call_id = events[0].call.id
    return Entry(scope, events, (), call_id)


@dataclass(frozen=True)
class LineDialect:
    """A dialect for tests: `<position or -> <event id> <type>`, one line per event."""

    name: str = "full"
    positions: bool = True
    hidden: frozenset[str] = frozenset()

    def encode(self, event: Event, position: Position, scope: Scope) -> bytes | None:
        if event.type in self.hidden:
            return None
        shown = str(position) if event.data.durable and self.positions else "-"
        return f"{shown} {event.id} {event.type}\n".encode()


@dataclass
class RecordingConnection:
    """A connection's writing end, which records its `writes`."""

    paused: bool = False
    writes: list[bytes] = field(default_factory=list)
    fills_up: bool = False  # pauses after every write

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        if self.fills_up:
            self.paused = True

    def write_shared(self, data: bytes) -> None:
        self.write(data)

    @property
    def lines(self) -> list[str]:
        return b"".join(self.writes).decode().splitlines()


class NeverFree:
    """An outbox that is handed frames one by one."""

    def write_now(self, data: bytes) -> bool:
        return False


@dataclass(eq=False)
class RecordingListener:
    """A listener that records what it receives, event by event."""

    dialect: Dialect = field(default_factory=LineDialect)
    heard: list[tuple[Published, bytes]] = field(default_factory=list)
    lost: list[Position] = field(default_factory=list)
    ends: int = 0
    outbox: Writer = field(default_factory=NeverFree)
    subscriber: Subscriber = field(default_factory=lambda: a_subscriber())

    def deliver(self, published: Published, frame: bytes) -> DropReason | None:
        self.heard.append((published, frame))
        return None

    def lost_position(self, position: Position) -> None:
        self.lost.append(position)

    def topic_ended(self) -> None:
        self.ends += 1

    @property
    def offsets(self) -> list[int]:
        return [published.offset for published, _ in self.heard]
