"""The situations that the cases of the port `Voice` are about."""

from enum import StrEnum


class Trait(StrEnum):
    """A situation that a case is about."""

    #: Turns can be left to the client, who ends them by order.
    TURNS_BY_ORDER = "turns by order"
    #: The config can be changed while the conversation runs.
    CHANGES = "a config that changes"
    #: Some members of the config cannot be changed.
    FIXED = "members that cannot change"
    TOOLS = "tools"
    #: A caller who interrupts cancels the tool calls that are open, or leaves them valid.
    CALLS_CANCELLED = "calls that an interruption cancels"
    CALLS_KEPT = "calls that an interruption leaves valid"
    METERED = "usage"
    #: A partial transcript may take back what it said before.
    REVISED = "partial transcripts that are revised"
    #: The next answer does not begin until it is interrupted.
    HESITATES = "an answer that does not begin"
    #: The provider sends more of a response that was cancelled.
    LATE = "pieces of a response that is over"
    #: The provider tells a turn's final transcript again, and differently.
    REPEATED = "a final transcript that comes again"
    #: The provider never says that a turn's transcript is final.
    ENDLESS = "a transcript without an end"
    #: The provider runs a response that we know nothing of.
    BUSY = "a response that was already active"
    #: The provider sends what has nothing to do with the conversation: pings, unknown events.
    CHATTER = "pings and events of tomorrow"


#: Those that a prank on the voice or its provider brings about.
PRANKS = frozenset(
    {Trait.HESITATES, Trait.LATE, Trait.REPEATED, Trait.ENDLESS, Trait.BUSY, Trait.CHATTER}
)
