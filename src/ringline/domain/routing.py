"""Which agent answers what comes in for a number of ours, and why (live streams, 6.7). Pure.

The rules of a number listen to the first utterance of a call, or to a thread's first message.
Those with a keyword or a pattern are tried by ascending priority, and the first match wins. A
`default` is for when none of them matches, wherever it stands; without one, a message is for the
number's own agent, and a caller gets a menu. A rule whose agent is disabled or deleted does not
count. A dial plan asks this before the queue and the other targets of a call: what it answers with
`number` or nobody is left to them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import normalize
from uuid import UUID

from ringline.domain import v1_limits
from ringline.domain.numbers import NumberChannel
from ringline.domain.patterns import BadPattern, is_found

#: The choices of a menu: one digit each.
_DIGITS = 9


class MatchType(StrEnum):
    """How a rule matches an utterance."""

    KEYWORD = "keyword"
    REGEX = "regex"
    DEFAULT = "default"


class Outcome(StrEnum):
    """What becomes of what came in."""

    AGENT = "agent"
    WAIT = "wait"
    MENU = "menu"
    NOBODY = "nobody"


class Why(StrEnum):
    """Why it does."""

    KEYWORD = "keyword"
    REGEX = "regex"
    DEFAULT = "default"
    NUMBER = "number"
    LISTENING = "listening"
    NO_MATCH = "no_match"
    INBOUND_DISABLED = "inbound_disabled"
    CHANNEL_NOT_ENABLED = "channel_not_enabled"
    NO_AGENT = "no_agent"
    AGENT_DISABLED = "agent_disabled"


#: What each reason means, for the documentation.
REASONS = {
    Why.KEYWORD: "the utterance holds the rule's keyword",
    Why.REGEX: "the rule's pattern is in the utterance",
    Why.DEFAULT: "no keyword or pattern matched, or nothing was said",
    Why.NUMBER: "no rule has a say; it is the number's own agent",
    Why.LISTENING: "rules wait for the first utterance; `agent_id` is who answers meanwhile",
    Why.NO_MATCH: "no rule matched and none is the default: the caller chooses by a digit",
    Why.INBOUND_DISABLED: "the number takes nothing in",
    Why.CHANNEL_NOT_ENABLED: "the number is not used for this channel",
    Why.NO_AGENT: "neither a rule nor the number names an agent that is there",
    Why.AGENT_DISABLED: "no rule has a say, and the number's own agent is disabled",
}


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """A rule of a number; `agent_id` is None if its agent was deleted."""

    id: UUID
    priority: int
    match_type: MatchType
    match_value: str | None
    agent_id: UUID | None


@dataclass(frozen=True, slots=True)
class RoutedNumber:
    """A number of ours as routing sees it; `enabled` are those of its agents that are."""

    id: UUID
    agent_id: UUID | None
    channels: frozenset[NumberChannel]
    inbound_enabled: bool = True
    rules: tuple[RoutingRule, ...] = ()
    enabled: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of what came in: the agent, and the rule that chose it.

    While rules wait for the first utterance, the agent is who answers meanwhile. `choices` are
    the agents of a menu, by their digits from 1.
    """

    outcome: Outcome
    why: Why
    agent_id: UUID | None = None
    rule_id: UUID | None = None
    choices: tuple[UUID, ...] = ()


def choose(number: RoutedNumber, utterance: str | None, *, channel: NumberChannel) -> Route:
    """Choose who answers: an agent, nobody, a menu, or whoever the first utterance will say.

    `utterance` is None as long as it is not known, and empty if nothing was said in time. Only
    its first `UTTERANCE` characters count.
    """
    if not number.inbound_enabled:
        return Route(Outcome.NOBODY, Why.INBOUND_DISABLED)
    if channel not in number.channels:
        return Route(Outcome.NOBODY, Why.CHANNEL_NOT_ENABLED)
    own = number.agent_id if number.agent_id in number.enabled else None
    rules = sorted(
        (rule for rule in number.rules if rule.agent_id in number.enabled),
        key=lambda rule: rule.priority,
    )
    listening = [rule for rule in rules if rule.match_type is not MatchType.DEFAULT]
    if listening and utterance is None:
        return Route(Outcome.WAIT, Why.LISTENING, own)
    chosen = next(_matching(listening, utterance or ""), None) or next(
        (rule for rule in rules if rule.match_type is MatchType.DEFAULT), None
    )
    if chosen is not None:
        return Route(Outcome.AGENT, Why(chosen.match_type), chosen.agent_id, chosen.id)
    if listening and channel is NumberChannel.VOICE:
        return Route(Outcome.MENU, Why.NO_MATCH, choices=_menu_of(listening))
    if own is not None:
        return Route(Outcome.AGENT, Why.NUMBER, own)
    gone = number.agent_id is None
    return Route(Outcome.NOBODY, Why.NO_AGENT if gone else Why.AGENT_DISABLED)


def _matching(rules: Sequence[RoutingRule], utterance: str) -> Iterator[RoutingRule]:
    """Yield the rules that match; none does if nothing was said."""
    heard = _composed(utterance[: v1_limits.UTTERANCE.most])
    return (rule for rule in rules if heard.strip() and _matches(rule, heard))


def _matches(rule: RoutingRule, heard: str) -> bool:
    value = rule.match_value or ""
    if rule.match_type is MatchType.KEYWORD:
        return bool(value) and _folded(value) in _folded(heard)
    try:
        return bool(value) and is_found(value, heard)
    except BadPattern:  # from before a bound
        return False


def _menu_of(rules: Iterable[RoutingRule]) -> tuple[UUID, ...]:
    agents = dict.fromkeys(rule.agent_id for rule in rules if rule.agent_id is not None)
    return tuple(agents)[:_DIGITS]


def _composed(text: str) -> str:
    """Return a text whose accents are part of their letters, as patterns are typed."""
    return normalize("NFC", text).encode(errors="replace").decode()


def _folded(text: str) -> str:
    return _composed(text.casefold())
