"""The people and the lines of a call centre: their states and kinds (events socket, 5.1)."""

from enum import StrEnum

#: The queue that every workspace has; it cannot be deleted.
DEFAULT_QUEUE = "default"


class TeamRole(StrEnum):
    """What a member of the team may do (events socket, 1)."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    MEMBER = "member"


class OperatorAvailability(StrEnum):
    """Whether an operator takes calls."""

    AVAILABLE = "available"
    BUSY = "busy"
    ON_BREAK = "on_break"
    OFFLINE = "offline"


class StatusSource(StrEnum):
    """From where an operator's status was set."""

    WIDGET = "widget"
    CONSOLE = "console"
    API = "api"
    SYSTEM = "system"


class QueueEntryStatus(StrEnum):
    """What became of a call's wait in a queue."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    ABANDONED = "abandoned"
    TIMED_OUT = "timed_out"


class QueueStrategy(StrEnum):
    """Who is offered a waiting call first (the words of FreeSWITCH's call centre)."""

    RING_ALL = "ring-all"
    LONGEST_IDLE_AGENT = "longest-idle-agent"
    ROUND_ROBIN = "round-robin"
    TOP_DOWN = "top-down"
    AGENT_WITH_LEAST_TALK_TIME = "agent-with-least-talk-time"
    AGENT_WITH_FEWEST_CALLS = "agent-with-fewest-calls"
    SEQUENTIALLY_BY_AGENT_ORDER = "sequentially-by-agent-order"
    RANDOM = "random"


class GatewayProvider(StrEnum):
    """Whose SIP trunk a gateway is."""

    VONAGE = "vonage"
    TWILIO = "twilio"
    TELNYX = "telnyx"
    BANDWIDTH = "bandwidth"
    CUSTOM = "custom"
