"""Durable timers: what is due when, whichever process is alive then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ringline.domain.log import Scope


class TimerKind(StrEnum):
    """What a timer is for."""

    #: Once a day, in every log: deliveries past their retention, and secrets past their rotation.
    WEBHOOK_UPKEEP = "webhook_upkeep"
    #: Once a day, in every log: recordings past their retention.
    RECORDING_UPKEEP = "recording_upkeep"
    #: What a deleted workspace leaves is removed.
    WORKSPACE_DELETION = "workspace_deletion"
    #: Of a conversation: its queued messages are handed to their provider.
    MESSAGE_SEND = "message_send"
    #: Of a conversation: its agent answers the messages that came in.
    MESSAGE_ANSWER = "message_answer"
    #: Of a message in the sandbox: its delivery receipt comes.
    MESSAGE_RECEIPT = "message_receipt"
    #: Of a conversation: its window of 24 hours ends in an hour.
    WINDOW_CLOSING = "window_closing"


#: How long a process may take to serve a timer before another serves it again. Those that a
#: contact waits for are short, and their work is bounded by less than that.
LEASES = {kind: timedelta(minutes=5) for kind in TimerKind} | {
    TimerKind.MESSAGE_SEND: timedelta(minutes=1),
    TimerKind.MESSAGE_ANSWER: timedelta(minutes=1),
    TimerKind.MESSAGE_RECEIPT: timedelta(minutes=1),
}


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is due; `subject` is what it is about, "" where a kind has one per log."""

    scope: Scope
    kind: TimerKind
    subject: str
    payload: Mapping[str, object]
    due_at: datetime
