"""Webhooks: deliveries, their attempts, and how both end (live streams, 3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ringline.domain.events import Event
from ringline.domain.log import Position, Scope


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class AttemptError(StrEnum):
    """Why an attempt has no complete answer (live streams, 3.8)."""

    TIMEOUT = "timeout"
    DNS = "dns"
    REFUSED = "refused"
    RESET = "reset"
    TLS = "tls"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    REDIRECT = "redirect"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """A sealed secret that signs webhooks, and the one before it until that expires."""

    current: bytes = field(repr=False)
    previous: bytes | None = field(default=None, repr=False)
    previous_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """How an attempt ended: what was answered, or why nothing was.

    `body` is the beginning of the answer, at most `limits` allow; `retry_after` that header.
    """

    response_code: int | None
    error: AttemptError | None
    body: str
    duration_ms: int
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A request whose answer counts: where it goes, and what its answer may take.

    `within_s` bounds all of it, from the look-up of the name to the end of the answer.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    within_s: float
    answer_bytes: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A receiver's answer, or why there is none. Of one that is `too_long` it is the beginning."""

    status: int | None
    error: AttemptError | None
    body: bytes = field(default=b"", repr=False)
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where an event is sent, as it is now: an agent's `webhook_url`, or an endpoint.

    `url` is None if it is gone or disabled. `secrets` are the endpoint's or the workspace's;
    None for a workspace that has none yet. One that is `failing` gets one attempt of each
    event (live streams, 3.5).
    """

    id: UUID
    is_agent: bool
    url: str | None
    secrets: SealedSecrets | None
    failing: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process may attempt, until its lease ends.

    `attempts` counts those that were made, `step` is the next one's place in the schedule,
    which counts from `schedule_from`. `event` is None if the log does not keep it any more.
    """

    scope: Scope
    id: UUID
    target: Target
    position: Position
    event: Event | None
    attempts: int
    step: int
    schedule_from: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows from an attempt: the delivery's next state.

    `result` is None where none was made. `next_attempt_at` is set for a pending one.
    """

    delivery: Claimed
    started_at: datetime
    result: SendResult | None
    status: DeliveryStatus
    step: int
    next_attempt_at: datetime | None
