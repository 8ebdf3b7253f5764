"""Routing rules and what they say, as `/v1` takes and shows them (live streams, 6.7)."""

from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.domain.numbers import NumberChannel
from ringline.domain.routing import REASONS, MatchType, Outcome, Route, Why
from ringline.rest.route import Input, Members
from ringline.rpc.fields import words
from ringline.rpc.kinds import Boolean, Id
from ringline.rpc.number_resources import MATCH_TYPE, MATCH_VALUE, PRIORITY
from ringline.rpc.routing_actions import UTTERANCE
from ringline.services.routing_rules import StoredRule
from ringline.wire.times import seconds

_NUMBER_ID = Member("number_id", Shape.TEXT, "the number, `num_…`")
_PRIORITY = Member("priority", Shape.INTEGER, "the lowest is tried first; one rule, one priority")
_MATCH_TYPE = Member(
    "match_type",
    Shape.TEXT,
    "`keyword`: it is in the utterance, in any case; `regex`: RE2 finds the pattern in it; "
    "`default`: nothing else matched",
    words=tuple(MatchType),
)
_MATCH_VALUE = "the keyword or the pattern; ignored with `default`"
_TARGET = "the agent who answers then"

RULE: Members = (
    Member("rule_id", Shape.TEXT, "the rule, `rule_…`"),
    _NUMBER_ID,
    _PRIORITY,
    _MATCH_TYPE,
    Member("match_value", Shape.TEXT, _MATCH_VALUE, null=True),
    Member(
        "target_agent_id",
        Shape.TEXT,
        f"{_TARGET}; null if it was deleted: the rule does not count then",
        null=True,
    ),
    Member("created_at", Shape.TIME, "when it was created"),
)

NUMBER_ID = Input(_NUMBER_ID, Id(Prefix.PHONE_NUMBER))
SETTINGS = (
    Input(_PRIORITY, PRIORITY),
    Input(_MATCH_TYPE, MATCH_TYPE),
    Input(
        Member("match_value", Shape.TEXT, f"{_MATCH_VALUE}, else required", "null", null=True),
        MATCH_VALUE,
    ),
    Input(Member("target_agent_id", Shape.TEXT, _TARGET), Id(Prefix.AGENT)),
)

#: The parameters of the question who would answer.
QUESTION = (
    Input(
        Member("utterance", Shape.TEXT, "what is said first, or the message's text", "not known"),
        UTTERANCE,
    ),
    Input(Member("silent", Shape.BOOLEAN, "whether nothing is said in time", "false"), Boolean()),
    Input(
        Member(
            "channel",
            Shape.TEXT,
            "what comes in",
            NumberChannel.VOICE.value,
            words=tuple(NumberChannel),
        ),
        words(NumberChannel),
    ),
)
ROUTE: Members = (
    Member(
        "outcome",
        Shape.TEXT,
        "who answers: an `agent`, `nobody`; `wait`: the first utterance will say; `menu`: the "
        "caller chooses by a digit",
        words=tuple(Outcome),
    ),
    Member(
        "why",
        Shape.TEXT,
        "; ".join(f"`{why}`: {means.replace('; ', ', ')}" for why, means in REASONS.items()),
        words=tuple(Why),
    ),
    Member("agent_id", Shape.TEXT, "the agent; while waiting, who answers meanwhile", null=True),
    Member("rule_id", Shape.TEXT, "the rule that chose the agent", null=True),
    Member("choices", Shape.TEXT, "the agents of a menu, by their digits from 1", many=True),
)


def show_rule(rule: StoredRule) -> dict[str, object]:
    """Return a rule's members."""
    agent_id = rule.target_agent_id
    return {
        "rule_id": format_id(Prefix.ROUTING_RULE, rule.id),
        "number_id": format_id(Prefix.PHONE_NUMBER, rule.number_id),
        "priority": rule.priority,
        "match_type": rule.match_type,
        "match_value": rule.match_value,
        "target_agent_id": None if agent_id is None else format_id(Prefix.AGENT, agent_id),
        "created_at": seconds(rule.created_at),
    }


def show_route(route: Route) -> dict[str, object]:
    """Return a route's members."""
    agent_id, rule_id = route.agent_id, route.rule_id
    return {
        "outcome": route.outcome,
        "why": route.why,
        "agent_id": None if agent_id is None else format_id(Prefix.AGENT, agent_id),
        "rule_id": None if rule_id is None else format_id(Prefix.ROUTING_RULE, rule_id),
        "choices": [format_id(Prefix.AGENT, agent) for agent in route.choices],
    }
