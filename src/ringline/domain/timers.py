"""Durable timers: what is due when, whichever process is alive then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is due; `subject` is what it is about, "" where a kind has one per log."""

    scope: Scope
    kind: TimerKind
    subject: str
    payload: Mapping[str, object]
    due_at: datetime
