"""The ledger of live deliveries: what reached the listeners of this process (contract, 12).

Live delivery must cost next to nothing, so there is no row per delivery: a ring buffer keeps, for
each write to the listeners of a topic, the events and how many listeners got them. Who they were
is kept if they were few, and always if they got something less. So the ledger knows every loss,
and counts the rest. What has left the ring buffer, or was lost with a restart, is not known.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ringline.domain import limits
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from ringline.domain.topics import AllEvents, CallEvents, ThreadEvents, Topic
from ringline.ports import Clock

#: Listeners of a topic up to so many are remembered by name.
_FEW = 16


class StreamSurface(StrEnum):
    """The surfaces with live delivery."""

    EVENTS_SOCKET = "events_socket"
    CALL_SOCKET = "call_socket"
    TRANSCRIPT_STREAM = "transcript_stream"
    CONVERSATION_STREAM = "conversation_stream"


class DropReason(StrEnum):
    """Why a listener did not get an event."""

    #: Their connection was not read, and what may be queued for it was.
    BUFFER_FULL = "buffer_full"
    #: They asked for a position that could not be resumed.
    NOT_RECOVERED = "not_recovered"
    #: Their connection was closing.
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Whose a subscription is, and on which surface."""

    surface: StreamSurface
    key_id: UUID
    user_id: UUID | None = None

    @property
    def subject(self) -> str:
        """Return the operator's id, or the key's."""
        if self.user_id is not None:
            return format_id(Prefix.USER, self.user_id)
        return format_id(Prefix.KEY, self.key_id)


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """What became of an event for one subscription."""

    subscriber: Subscriber
    topic: Topic
    at: datetime
    reason: DropReason | None = None


@dataclass(frozen=True, slots=True)
class StreamDeliveries:
    """What is known of an event's live deliveries, the latest outcomes first.

    Deliveries before `kept_since` are not known.
    """

    sent: int
    dropped: int
    recent: Sequence[StreamOutcome]
    kept_since: datetime


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of the log, by what tells its topics."""

    scope: Scope
    id: UUID
    offset: int
    call_id: UUID | None = None
    thread_id: UUID | None = None

    def is_of(self, topic: Topic) -> bool:
        """Return whether the event is one of a topic's."""
        match topic:
            case AllEvents():
                return True
            case CallEvents(call_id):
                return call_id == self.call_id
            case ThreadEvents(thread_id):
                return thread_id == self.thread_id


@dataclass(frozen=True, slots=True)
class _Written:
    """Events that were written to the listeners of a topic."""

    scope: Scope
    topic: Topic
    at: datetime
    event_ids: Sequence[UUID]
    count: int
    subscribers: Sequence[Subscriber]  # if they were few
    #: Who got something less, by event.
    dropped: Mapping[UUID, Sequence[tuple[Subscriber, DropReason]]]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Past events that one subscription was sent, or missed."""

    scope: Scope
    topic: Topic
    at: datetime
    subscriber: Subscriber
    after: int
    up_to: int
    reason: DropReason | None


class StreamLedger:
    """The ring buffer of this process."""

    def __init__(self, now: Clock, *, most: int = limits.STREAM_LEDGER.most) -> None:
        self._now = now
        self._since = now()
        self._ring: deque[_Written | _Stretch] = deque(maxlen=most)

    def note_written(
        self,
        scope: Scope,
        topic: Topic,
        *,
        event_ids: Sequence[UUID],
        listeners: Sequence[Subscriber] | int,
        dropped: Mapping[UUID, Sequence[tuple[Subscriber, DropReason]]],
    ) -> None:
        """Note events that were handed to listeners, who are given if they are `is_few`."""
        several = isinstance(listeners, int)
        self._add(
            _Written(
                scope,
                topic,
                self._now(),
                event_ids,
                listeners if several else len(listeners),
                () if several else listeners,
                dropped,
            )
        )

    def note_past(
        self, scope: Scope, topic: Topic, *, subscriber: Subscriber, after: int, up_to: int
    ) -> None:
        """Note that a subscription was sent the events of a stretch of the log."""
        self._add(_Stretch(scope, topic, self._now(), subscriber, after, up_to, None))

    def note_not_recovered(
        self, scope: Scope, topic: Topic, *, subscriber: Subscriber, after: int, up_to: int
    ) -> None:
        """Note that a subscription could not resume, and lacks a stretch of the log."""
        reason = DropReason.NOT_RECOVERED
        self._add(_Stretch(scope, topic, self._now(), subscriber, after, up_to, reason))

    @staticmethod
    def is_few(count: int) -> bool:
        """Return whether so many listeners are remembered by name."""
        return count <= _FEW

    def deliveries_of(self, event: LoggedEvent) -> StreamDeliveries:
        """Return what is known of an event."""
        sent = dropped = 0
        recent: list[StreamOutcome] = []
        for entry in reversed(self._ring):
            if entry.scope != event.scope:
                continue
            if isinstance(entry, _Stretch):
                if entry.after < event.offset <= entry.up_to and event.is_of(entry.topic):
                    sent += entry.reason is None
                    dropped += entry.reason is not None
                    outcome = StreamOutcome(entry.subscriber, entry.topic, entry.at, entry.reason)
                    recent.append(outcome)
            elif event.id in entry.event_ids:
                lost = entry.dropped.get(event.id, ())
                sent += entry.count - len(lost)
                dropped += len(lost)
                recent += _outcomes(entry, lost)
        return StreamDeliveries(sent, dropped, recent[: limits.STREAM_OUTCOMES.most], self._since)

    def _add(self, entry: _Written | _Stretch) -> None:
        if len(self._ring) == self._ring.maxlen:
            self._since = self._ring[0].at  # the next one is later, or as late
        self._ring.append(entry)


def _outcomes(
    entry: _Written, lost: Sequence[tuple[Subscriber, DropReason]]
) -> Iterator[StreamOutcome]:
    for subscriber, reason in lost:
        yield StreamOutcome(subscriber, entry.topic, entry.at, reason)
    without = [subscriber for subscriber, _ in lost]
    for subscriber in entry.subscribers:
        if subscriber in without:
            without.remove(subscriber)  # one of those who are alike
        else:
            yield StreamOutcome(subscriber, entry.topic, entry.at)


def topic_name(topic: Topic) -> str:
    """Return a topic as the ledger shows it."""
    match topic:
        case AllEvents():
            return "events"
        case CallEvents(call_id):
            return f"call:{format_id(Prefix.CALL, call_id)}"
        case ThreadEvents(thread_id):
            return f"conversation:{format_id(Prefix.CONVERSATION, thread_id)}"
