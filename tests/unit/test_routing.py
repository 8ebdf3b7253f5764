"""Which agent answers: by rules, by a default, by the number."""

from dataclasses import replace
from random import Random
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ringline.domain.numbers import NumberChannel
from ringline.domain.routing import (
    REASONS,
    MatchType,
    Outcome,
    Route,
    RoutedNumber,
    RoutingRule,
    Why,
    choose,
)
from ringline.domain.v1_limits import UTTERANCE

VOICE, SMS, WHATSAPP = NumberChannel.VOICE, NumberChannel.SMS, NumberChannel.WHATSAPP
OWN, SALES, BILLING, FRONT = (UUID(int=number) for number in range(1, 5))
AGENTS = (OWN, SALES, BILLING, FRONT)


def rule(priority: int, match_type: str, value: str | None, agent: UUID | None) -> RoutingRule:
    return RoutingRule(UUID(int=100 + priority), priority, MatchType(match_type), value, agent)


BUY = rule(10, "keyword", "Buy", SALES)
PAY = rule(20, "regex", r"(?i)\b(pay|bill)", BILLING)
ELSE = rule(5, "default", "ignored", FRONT)
NUMBER = RoutedNumber(
    UUID(int=9), OWN, frozenset(NumberChannel), True, (PAY, ELSE, BUY), frozenset(AGENTS)
)
WITHOUT_DEFAULT = replace(NUMBER, rules=(PAY, BUY))


@pytest.mark.parametrize(
    ("utterance", "agent", "why", "by"),
    [
        ("I want to buy a car", SALES, Why.KEYWORD, BUY),
        ("BUYING", SALES, Why.KEYWORD, BUY),
        ("I buy, and pay", SALES, Why.KEYWORD, BUY),
        ("My Bill, please", BILLING, Why.REGEX, PAY),
        ("repay", FRONT, Why.DEFAULT, ELSE),
        ("Hello?", FRONT, Why.DEFAULT, ELSE),
        ("", FRONT, Why.DEFAULT, ELSE),
        (" \n", FRONT, Why.DEFAULT, ELSE),
    ],
)
def test_the_first_match_wins_and_a_default_is_last_wherever_it_stands(
    utterance: str, agent: UUID, why: Why, by: RoutingRule
) -> None:
    for channel in NumberChannel:
        assert choose(NUMBER, utterance, channel=channel) == Route(Outcome.AGENT, why, agent, by.id)


def test_rules_wait_for_the_first_utterance() -> None:
    waiting = Route(Outcome.WAIT, Why.LISTENING, OWN)
    assert choose(NUMBER, None, channel=VOICE) == waiting
    for number in (replace(NUMBER, agent_id=None), replace(NUMBER, enabled=frozenset([SALES]))):
        assert choose(number, None, channel=VOICE) == replace(waiting, agent_id=None)
    only = replace(NUMBER, rules=(ELSE,))
    assert choose(only, None, channel=VOICE).agent_id == FRONT, "there is nothing to listen for"


def test_nothing_said_is_no_empty_match() -> None:
    anything = rule(1, "regex", ".*", SALES)
    number = replace(NUMBER, rules=(anything, ELSE))
    assert choose(number, "", channel=VOICE).why is Why.DEFAULT
    assert choose(number, "x", channel=VOICE).agent_id == SALES


def test_without_a_default_a_caller_chooses_and_a_message_is_for_the_number() -> None:
    again = replace(BUY, id=UUID(int=7), priority=30)
    number = replace(WITHOUT_DEFAULT, rules=(PAY, again, BUY))
    assert choose(number, "Hello?", channel=VOICE) == Route(
        Outcome.MENU, Why.NO_MATCH, choices=(SALES, BILLING)
    )
    for channel in (SMS, WHATSAPP):
        assert choose(number, "Hello?", channel=channel) == Route(Outcome.AGENT, Why.NUMBER, OWN)


def test_a_menu_has_a_digit_for_each_choice() -> None:
    agents = [UUID(int=number) for number in range(20, 40)]
    rules = tuple(rule(place, "keyword", "x", agent) for place, agent in enumerate(agents))
    number = replace(NUMBER, rules=rules, enabled=frozenset(agents))
    assert choose(number, "y", channel=VOICE).choices == tuple(agents[:9])


def test_rules_of_agents_that_are_disabled_or_deleted_do_not_count() -> None:
    disabled = replace(NUMBER, enabled=frozenset(AGENTS) - {SALES})
    assert choose(disabled, "buy and pay", channel=VOICE).agent_id == BILLING
    deleted = replace(NUMBER, rules=(PAY, ELSE, replace(BUY, agent_id=None)))
    assert choose(deleted, "buy", channel=VOICE).agent_id == FRONT
    none = replace(NUMBER, enabled=frozenset([OWN]))
    assert choose(none, None, channel=VOICE) == Route(Outcome.AGENT, Why.NUMBER, OWN)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (replace(NUMBER, inbound_enabled=False), Why.INBOUND_DISABLED),
        (replace(NUMBER, channels=frozenset([SMS, WHATSAPP])), Why.CHANNEL_NOT_ENABLED),
        (replace(NUMBER, rules=(), agent_id=None), Why.NO_AGENT),
        (replace(NUMBER, enabled=frozenset()), Why.AGENT_DISABLED),
    ],
)
def test_nobody(number: RoutedNumber, why: Why) -> None:
    for utterance in (None, "", "buy"):
        assert choose(number, utterance, channel=VOICE) == Route(Outcome.NOBODY, why)


def test_the_number_s_own_agent() -> None:
    bare = replace(NUMBER, rules=())
    for utterance in (None, "", "buy"):
        for channel in NumberChannel:
            route = choose(bare, utterance, channel=channel)
            assert route == Route(Outcome.AGENT, Why.NUMBER, OWN)


def test_accents_are_the_same_however_they_are_composed() -> None:
    market = rule(1, "keyword", "ỌJÀ", SALES)
    number = replace(NUMBER, rules=(market, replace(PAY, match_value="fẹ́")))
    assert choose(number, "mo lọ sí o\u0323ja\u0300", channel=SMS).agent_id == SALES
    assert choose(number, "mo fe\u0323\u0301", channel=SMS).why is Why.REGEX
    assert choose(number, "STRASSE", channel=SMS).why is Why.NUMBER
    street = replace(number, rules=(rule(1, "keyword", "straße", SALES),))
    assert choose(street, "STRASSE", channel=SMS).agent_id == SALES


def test_only_the_beginning_of_a_long_utterance_counts() -> None:
    padding = "-" * UTTERANCE.most
    assert choose(NUMBER, f"buy{padding}", channel=SMS).agent_id == SALES
    assert choose(NUMBER, f"{padding}buy", channel=SMS).why is Why.DEFAULT


def test_a_rule_that_cannot_match_does_not() -> None:
    for broken in (
        rule(1, "regex", "(", SALES),
        rule(2, "regex", None, SALES),
        rule(3, "keyword", None, SALES),
        rule(4, "keyword", "", SALES),
    ):
        number = replace(NUMBER, rules=(broken, ELSE))
        assert choose(number, "buy\ud800", channel=VOICE).agent_id == FRONT


def test_every_reason_is_told() -> None:
    assert set(REASONS) == set(Why)
    assert {why.value for why in Why} >= {match.value for match in MatchType}


VALUES = {MatchType.KEYWORD: st.sampled_from(["a", "b", "ab"]), MatchType.DEFAULT: st.none()}
VALUES[MatchType.REGEX] = st.sampled_from(["a.*b", "^b", "c$", "("])
RULES = st.lists(
    st.sampled_from(MatchType).flatmap(
        lambda match: st.builds(
            RoutingRule,
            st.uuids(),
            st.integers(0, 50),
            st.just(match),
            VALUES[match],
            st.sampled_from([None, *AGENTS]),
        )
    ),
    max_size=8,
    unique_by=lambda one: one.priority,
)
NUMBERS = st.builds(
    RoutedNumber,
    st.just(UUID(int=9)),
    st.sampled_from([None, *AGENTS]),
    st.frozensets(st.sampled_from(NumberChannel)),
    st.booleans(),
    RULES.map(tuple),
    st.frozensets(st.sampled_from(AGENTS)),
)
UTTERANCES = st.none() | st.text("abc ", max_size=5)
CHANNELS = st.sampled_from(NumberChannel)


@given(NUMBERS, UTTERANCES, CHANNELS, st.randoms(use_true_random=False))
def test_at_random(
    number: RoutedNumber, utterance: str | None, channel: NumberChannel, rng: Random
) -> None:
    route = choose(number, utterance, channel=channel)
    shuffled = replace(number, rules=tuple(rng.sample(number.rules, len(number.rules))))
    assert choose(shuffled, utterance, channel=channel) == route, "only priorities count"
    assert route.agent_id is None or route.agent_id in number.enabled
    assert set(route.choices) <= number.enabled
    assert (route.outcome is Outcome.AGENT) == (route.agent_id is not None) or (
        route.outcome is Outcome.WAIT
    )
    match route.outcome:
        case Outcome.WAIT:
            assert utterance is None
        case Outcome.MENU:
            assert utterance is not None
            assert channel is VOICE
            assert route.choices
    by = next((one for one in number.rules if one.id == route.rule_id), None)
    assert (by is not None) == (route.why in {Why.KEYWORD, Why.REGEX, Why.DEFAULT})
    if by is not None:
        assert (route.why, route.agent_id) == (by.match_type, by.agent_id)
        same = [one for one in number.rules if one.agent_id in number.enabled]
        earlier = [one for one in same if one.priority < by.priority]
        if by.match_type is MatchType.DEFAULT:
            assert all(one.match_type is not MatchType.DEFAULT for one in earlier)
        else:
            without = replace(number, rules=(*earlier, by))
            assert choose(without, utterance, channel=channel) == route


@given(NUMBERS, st.text("abc ", max_size=5), CHANNELS)
def test_rules_that_do_not_count_change_nothing(
    number: RoutedNumber, utterance: str, channel: NumberChannel
) -> None:
    live = tuple(one for one in number.rules if one.agent_id in number.enabled)
    assume(live != number.rules)
    alone = replace(number, rules=live)
    for said in (utterance, None):
        assert choose(number, said, channel=channel) == choose(alone, said, channel=channel)
