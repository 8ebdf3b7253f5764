"""Where calls begin: what the door says about a call, and what the reception decides."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from msgspec import structs

from ringline.domain import leg, voice
from ringline.domain.agent import Agent, Language
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.call_vocabulary import CallDirection, CallStatus, CallTransport
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.ids import Prefix, format_id
from ringline.domain.records import CallRow
from ringline.domain.session_config import EffectiveConfig
from ringline.domain.unavailable import Unavailable
from ringline.services.live_call import LiveCall
from ringline.services.reception import Offer, Reception
from tests.house import LIMITS, SCOPE, House, run
from tests.samples import NOW
from tests.talking import CAPABILITIES, ScriptedLeg, clock

CONFIG = SessionConfig(model="local/attendant", instructions="Be brief.")
AGENT = Agent(UUID(int=7), "Anna", greeting="Good morning.")
BARE = Offer(
    scope=SCOPE,
    call_id=UUID(int=42),
    source="realtime",
    transport=CallTransport.WEBSOCKET,
    from_number="web:anonymous",
    session=EffectiveConfig(CONFIG, CAPABILITIES),
)
TO_AGENT = replace(BARE, session=EffectiveConfig(CONFIG, CAPABILITIES, AGENT))


def with_agent(agent: Agent) -> Offer:
    return replace(BARE, session=EffectiveConfig(CONFIG, CAPABILITIES, agent))


def take(house: House, offer: Offer) -> tuple[LiveCall, ScriptedLeg]:
    line = ScriptedLeg()
    reception = Reception(house.calls, replace(LIMITS, duration_s=20), now=clock)
    reception.check_accepting()
    return reception.accept(offer, line), line


@pytest.mark.parametrize(
    ("offer", "to_number", "agent_id"),
    [
        (BARE, "voice:local/attendant", None),
        (TO_AGENT, f"agent:{format_id(Prefix.AGENT, AGENT.id)}", AGENT.id),
    ],
)
def test_the_row_says_who_calls_and_who_answers(
    offer: Offer, to_number: str, agent_id: UUID | None
) -> None:
    async def main(house: House) -> None:
        live, _ = take(house, offer)
        assert live.new.scope == SCOPE
        assert live.new.row == CallRow(
            id=UUID(int=42),
            uuid="00000000-0000-0000-0000-00000000002a",
            direction=CallDirection.INBOUND,
            from_number="web:anonymous",
            to_number=to_number,
            source="realtime",
            transport=CallTransport.WEBSOCKET,
            status=CallStatus.INITIATED,
            started_at=NOW,
            agent_id=agent_id,
            model="local/attendant",
        )

    run(main)


def test_another_entry_point_offers_its_own_source_and_transport() -> None:
    offer = replace(BARE, source="sip", transport=CallTransport.SIP, from_number="+49401234")

    async def main(house: House) -> None:
        live, _ = take(house, offer)
        row = live.new.row
        assert (row.source, row.transport, row.from_number) == (
            "sip",
            CallTransport.SIP,
            "+49401234",
        )

    run(main)


def test_an_agent_speaks_first_and_the_voice_gets_its_config() -> None:
    async def main(house: House) -> None:
        announcing = structs.replace(AGENT, pre_call_announcement="This call may be recorded.")
        silent = structs.replace(announcing, greeting="")
        both = "This call may be recorded.\nGood morning."
        for offer, greeting in (
            (BARE, None),
            (TO_AGENT, "Good morning."),
            (with_agent(announcing), both),
            (with_agent(silent), "This call may be recorded."),
        ):
            offer = replace(offer, call_id=UUID(int=len(house.voices) + 1))
            live, _ = take(house, offer)
            await asyncio.sleep(1)
            asked = [o.say for o in house.voices[-1].orders if isinstance(o, voice.Respond)]
            assert asked == ([] if greeting is None else [greeting])
            assert house.openings[-1] == voice.VoiceOpening(
                CONFIG, scope=offer.scope, call=live.new.facts
            )

    run(main)


@pytest.mark.parametrize(
    ("announcement", "greeting", "said"),
    [
        ("Recorded.", "Hello.", ["Recorded.\nHello."]),
        ("Recorded.", "", ["Recorded."]),
        ("", "Hello.", ["Hello."]),
        ("", "", []),
    ],
)
def test_what_is_announced_comes_before_the_greeting(
    announcement: str, greeting: str, said: list[str]
) -> None:
    async def main(house: House) -> None:
        agent = structs.replace(AGENT, pre_call_announcement=announcement, greeting=greeting)
        take(house, replace(BARE, session=EffectiveConfig(CONFIG, CAPABILITIES, agent)))
        await asyncio.sleep(1)
        assert [o.say for o in house.voices[-1].orders if isinstance(o, voice.Respond)] == said

    run(main)


@pytest.mark.parametrize(
    ("language", "told"), [("fr", "fr"), ("pcm", "en"), ("ig", ""), ("auto", "")]
)
def test_the_voice_is_told_what_the_caller_speaks(language: str, told: str) -> None:
    async def main(house: House) -> None:
        agent = structs.replace(AGENT, language=Language(language))
        take(house, replace(BARE, session=EffectiveConfig(CONFIG, CAPABILITIES, agent)))
        await asyncio.sleep(1)
        assert house.openings[-1].language == told

    run(main)


def test_a_call_gets_the_limits_of_the_reception() -> None:
    async def main(house: House) -> None:
        _, line = take(house, BARE)
        await asyncio.sleep(21)
        assert line.hung_up == leg.HangUp(EndCause.MAX_DURATION)

    run(main)


def test_nothing_is_accepted_while_it_cannot_be_recorded() -> None:
    async def main(house: House) -> None:
        reception = Reception(house.calls, LIMITS, now=clock)
        await house.calls.shutdown()
        with pytest.raises(Unavailable):
            reception.check_accepting()

    run(main)


@pytest.mark.parametrize(
    ("of_agent", "url", "has_client", "runner"),
    [
        (True, "https://example.com/hook", True, ToolRunner.WEBHOOK),
        (True, "https://example.com/hook", False, ToolRunner.WEBHOOK),
        (True, None, True, ToolRunner.CLIENT),
        (True, None, False, ToolRunner.NOBODY),
        (False, "https://example.com/hook", True, ToolRunner.CLIENT),
    ],
)
def test_who_runs_the_tools_of_a_call(
    of_agent: bool, url: str | None, has_client: bool, runner: ToolRunner
) -> None:
    async def main(house: House) -> None:
        agent = structs.replace(AGENT, webhook_url=url)
        session = EffectiveConfig(CONFIG, CAPABILITIES, agent, tools_of_agent=of_agent)
        live, _ = take(house, replace(BARE, session=session, has_client=has_client))
        assert live.new.tools_run_by is runner

    run(main)
