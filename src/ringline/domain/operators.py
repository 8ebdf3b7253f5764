"""Enumerations of teams, operators, queues and gateways (events socket, 5.1)."""

from enum import StrEnum

#: The queue that every workspace has and that cannot be deleted.
DEFAULT_QUEUE = "default"


class TeamRole(StrEnum):
    """The role of a team member (events socket, 1)."""

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
    """Where an operator's status was set."""

    WIDGET = "widget"
    CONSOLE = "console"
    API = "api"
    SYSTEM = "system"


class QueueEntryStatus(StrEnum):
    """The states of a queue entry."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    ABANDONED = "abandoned"
    TIMED_OUT = "timed_out"


class QueueStrategy(StrEnum):
    """How waiting calls are distributed (the names of FreeSWITCH's mod_callcenter)."""

    RING_ALL = "ring-all"
    LONGEST_IDLE_AGENT = "longest-idle-agent"
    ROUND_ROBIN = "round-robin"
    TOP_DOWN = "top-down"
    AGENT_WITH_LEAST_TALK_TIME = "agent-with-least-talk-time"
    AGENT_WITH_FEWEST_CALLS = "agent-with-fewest-calls"
    SEQUENTIALLY_BY_AGENT_ORDER = "sequentially-by-agent-order"
    RANDOM = "random"


class GatewayProvider(StrEnum):
    """The provider of a gateway's SIP trunk."""

    VONAGE = "vonage"
    TWILIO = "twilio"
    TELNYX = "telnyx"
    BANDWIDTH = "bandwidth"
    CUSTOM = "custom"
