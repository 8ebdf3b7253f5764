"""What an agent's receiver is asked while a caller waits, and what it answers. Pure.

The receiver is the agent's `webhook_url`. It is asked for the answer to a turn, if it is the
agent's brain (live streams, 4), or for the result of a tool (5). Nobody waits for long, so a
question is asked once, and every way in which it fails is one word of a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ringline.domain import webhook_limits
from ringline.domain.call_facts import CallFacts
from ringline.domain.call_vocabulary import TurnRole


class ReceiverFailure(StrEnum):
    """Why a receiver's answer is none.

    The first ones are those of deliveries (`AttemptError`), spelt the same.
    """

    TIMEOUT = "timeout"
    DNS = "dns"
    REFUSED = "refused"
    RESET = "reset"
    TLS = "tls"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    REDIRECT = "redirect"
    CLOSED = "closed"
    STATUS = "status"  # a status other than 2xx
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    INVALID_ANSWER = "invalid_answer"  # JSON, but not an object with a `text`
    NO_WEBHOOK = "no_webhook"  # the agent is gone, or has no URL any more
    NOT_SIGNED = "not_signed"  # the secret cannot be decrypted
    UNAVAILABLE = "unavailable"  # the database does not say where to ask
    OVERLOADED = "overloaded"  # too much is being asked already


class ReceiverFailed(Exception):
    """A receiver did not answer as it should; `status` is its status where that is why."""

    def __init__(self, failure: ReceiverFailure, status: int | None = None) -> None:
        super().__init__(failure.value)
        self.failure = failure
        self.status = status


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation as it was heard, oldest first in a `TurnQuestion`."""

    role: TurnRole
    text: str


@dataclass(frozen=True, slots=True)
class TurnQuestion:
    """A caller's turn that wants an answer; it is the last of the messages."""

    call: CallFacts
    turn_id: UUID
    transcription: str
    messages: tuple[Message, ...]


class TurnAction(StrEnum):
    """What an answer may ask for besides speech, in the order in which the first one wins."""

    END_CALL = "end_call"
    TRANSFER_TO = "transfer_to"
    DTMF = "dtmf"


@dataclass(frozen=True, slots=True)
class TurnAnswer:
    """What the agent says, which may be nothing, and what it does after that.

    `ignored` names actions that the answer has besides, and those that make no sense.
    """

    text: str
    action: TurnAction | None = None
    #: The destination of a transfer, or the digits.
    target: str = ""
    ignored: tuple[TurnAction, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolQuestion:
    """A tool call that wants a result; its ids on the wire are made of `id`."""

    id: UUID
    at: datetime
    call: CallFacts
    turn_id: UUID
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])


def gives_up(failures: int) -> bool:
    """Return whether an agent whose receiver failed so often in a row hangs up."""
    return failures >= webhook_limits.FAILED_TURNS.most
