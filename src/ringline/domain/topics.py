"""Topics: which events of a log a listener follows.

A topic does not name the log; a `Scope` does. To add a kind of topic, add a class and its
events here, and its page in `storage/event_log.py`.
"""

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from ringline.domain.events import CallEnded, Event


@dataclass(frozen=True, slots=True)
class AllEvents:
    """Every event of the log; it never ends."""


@dataclass(frozen=True, slots=True)
class CallEvents:
    """The events of one call, up to its `call.ended`."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class ThreadEvents:
    """The events of one thread of messages; it never ends (live streams, 2.4)."""

    conversation_id: UUID


Topic: TypeAlias = AllEvents | CallEvents | ThreadEvents

ALL_EVENTS = AllEvents()


def topics_of(event: Event) -> tuple[Topic, ...]:
    """Return the topics of an event, the widest first."""
    if event.call is not None:
        return (ALL_EVENTS, CallEvents(event.call.id))
    if event.thread_id is not None:
        return (ALL_EVENTS, ThreadEvents(event.thread_id))
    return (ALL_EVENTS,)


def ends(event: Event, topic: Topic) -> bool:
    """Return whether an event is the last of a topic."""
    if not isinstance(event.data, CallEnded) or event.call is None:
        return False
    return topic == CallEvents(event.call.id)
