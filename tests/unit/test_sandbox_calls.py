"""Sandbox calls in virtual time: the script, its sequence at any scale, and its ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from structlog.testing import capture_logs

from ringline.app.sandbox import sandbox_lines
from ringline.domain.agent import Agent, Tool
from ringline.domain.call_signals import (
    DigitsOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
    Verdict,
)
from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    ParticipantRole,
    TurnRole,
)
from ringline.domain.events import CallEnded, Event, ParticipantJoined, TurnCompleted
from ringline.domain.log import Environment, Scope
from ringline.domain.receivers import ToolQuestion
from ringline.domain.records import CallRow
from ringline.domain.sandbox_script import ANSWER, SCRIPT, Speaks
from ringline.domain.tool_runs import NO_WEBHOOK
from ringline.domain.unavailable import Unavailable
from ringline.domain.voice import PastTurn, ToolCall, ToolResult, VoiceOpening, VoiceOrder
from ringline.legs.sandbox import PATIENCE_S, SandboxLeg
from ringline.ports import Voice, VoiceListener
from ringline.services.reception import Reception
from ringline.services.sandbox_calls import (
    AgentDisabled,
    NewLine,
    NoSuchAgent,
    Placing,
    SandboxCalls,
    SandboxLine,
)
from ringline.services.session_places import (
    ProcessFull,
    SessionLimits,
    SessionPlaces,
    TooManyCalls,
)
from ringline.voices.sandbox import Line, SandboxTurn, SandboxVoice
from tests.house import LIMITS, House, end_call, run, take_over
from tests.samples import NOW, a_scope, new_id
from tests.talking import clock

TEST = a_scope(environment=Environment.TEST)
AGENT = Agent(UUID(int=7), "Anna", model="openai/gpt-realtime")
SAID = [cue.act.text for cue in SCRIPT if isinstance(cue.act, Speaks) and cue.act.final]
PLACING = Placing(AGENT.id, "+2348000001234", "+2348031234567", {"order": "A-19"})

Answer = Callable[[SandboxTurn], Awaitable[Line]]


class Agents:
    """The agents of everybody, as far as a call looks for one."""

    def __init__(self, *agents: Agent) -> None:
        self.agents = {agent.id: agent for agent in agents}

    async def find_agent(self, scope: Scope, agent_id: UUID) -> Agent | None:
        return self.agents.get(agent_id)


class Desk:
    """What places sandbox calls in a house, and reads what became of them."""

    def __init__(
        self,
        house: House,
        scale: float = 1.0,
        *,
        answer: Answer | None = None,
        most: SessionLimits | None = None,
        new_line: NewLine | None = None,
    ) -> None:
        self.house = house
        self.places = SessionPlaces(most or SessionLimits(), clock=lambda: 0.0)
        lines = sandbox_lines(scale, lambda _: answer) if answer else sandbox_lines(scale)
        agents: Any = Agents(AGENT, structs.replace(AGENT, id=UUID(int=8), enabled=False))
        self.calls = SandboxCalls(
            Reception(house.calls, LIMITS, now=clock),
            self.places,
            agents=agents,
            new_line=new_line or lines,
            new_id=new_id,
        )

    async def place(self, agent: Agent = AGENT, most_calls: int = 500) -> CallRow:
        return await self.calls.place(TEST, agent, placing=PLACING, most_calls=most_calls)

    def log(self, row: CallRow) -> list[tuple[float, Event]]:
        """Return a call's events, with the seconds since it began."""
        return [
            ((stored.event.occurred_at - row.started_at).total_seconds(), stored.event)
            for stored in self.house.memory.logs.get(TEST, [])
            if stored.event.call is not None and stored.event.call.id == row.id
        ]

    def types(self, row: CallRow) -> list[str]:
        return [event.type for _, event in self.log(row)]

    def turns(self, row: CallRow) -> list[tuple[TurnRole, str]]:
        found = [event.data for _, event in self.log(row)]
        return [(data.role, data.text) for data in found if isinstance(data, TurnCompleted)]

    def ended(self, row: CallRow) -> CallEnded:
        (ended,) = [e.data for _, e in self.log(row) if isinstance(e.data, CallEnded)]
        assert self.types(row)[-1] == "call.ended"
        return ended


WHOLE = [
    "call.created",
    "call.answered",
    "call.participant_joined",
    "call.participant_joined",
    "call.turn_completed",
    "call.turn_completed",
    "call.participant_left",
    "call.participant_left",
    "call.ended",
]


def test_a_call_follows_the_script() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        row = await desk.place()
        assert desk.types(row)[0] == "call.created"  # committed, so everybody finds it
        assert row == CallRow(
            id=row.id,
            uuid=str(row.id),
            direction=CallDirection.OUTBOUND,
            from_number=PLACING.from_number,
            to_number=PLACING.to_number,
            source="sandbox",
            transport=CallTransport.SANDBOX,
            status=CallStatus.INITIATED,
            started_at=NOW,
            agent_id=AGENT.id,
            model=AGENT.model,
            metadata={"order": "A-19"},
        )
        await asyncio.sleep(6)
        assert desk.types(row) == WHOLE
        times = {event.type: at for at, event in desk.log(row)}
        assert times["call.answered"] < 0.1
        assert 5 <= times["call.ended"] < 5.1
        assert desk.turns(row) == [(TurnRole.CALLER, SAID[0]), (TurnRole.AGENT, ANSWER)]
        joined = [e.data for _, e in desk.log(row) if isinstance(e.data, ParticipantJoined)]
        assert [(data.role, data.member_uuid) for data in joined] == [
            (ParticipantRole.CALLER, PLACING.to_number),
            (ParticipantRole.AI_AGENT, PLACING.from_number),
        ]
        ended = desk.ended(row)
        assert (ended.status, ended.hangup_cause) == (
            CallStatus.COMPLETED,
            HangupCause.CALLER_HANGUP,
        )
        assert [line.text for line in ended.transcript] == [SAID[0], ANSWER]
        assert ended.duration_seconds in (4, 5)
        assert not house.voices, "no model was opened"

    run(main)


@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0, 60.0])
@pytest.mark.parametrize("greeting", ["", "Good morning."])
def test_the_sequence_is_the_same_at_every_scale(scale: float, greeting: str) -> None:
    async def main(house: House) -> None:
        desk = Desk(house, scale)
        row = await desk.place(structs.replace(AGENT, greeting=greeting))
        await asyncio.sleep(5 * scale + 1)
        turns = [(TurnRole.CALLER, SAID[0]), (TurnRole.AGENT, ANSWER)]
        assert desk.turns(row) == [(TurnRole.AGENT, greeting)][: bool(greeting)] + turns
        ended = desk.ended(row)
        assert not any(line.interrupted for line in ended.transcript)
        assert ended.hangup_cause is HangupCause.CALLER_HANGUP

    run(main)


@pytest.mark.parametrize("takes_s", [0.0, 2.9, 4.9])
def test_a_caller_waits_for_the_answer(takes_s: float) -> None:
    asked: list[SandboxTurn] = []

    async def answer(turn: SandboxTurn) -> Line:
        asked.append(turn)
        await asyncio.sleep(takes_s)
        return Line("We are.")

    async def main(house: House) -> None:
        desk = Desk(house, answer=answer)
        row = await desk.place(structs.replace(AGENT, greeting="Hello."))
        await asyncio.sleep(PATIENCE_S)
        assert desk.turns(row)[1:] == [(TurnRole.CALLER, SAID[0]), (TurnRole.AGENT, "We are.")]
        (turn,) = asked
        assert turn.text == SAID[0]
        assert turn.history == (
            PastTurn(TurnRole.AGENT, "Hello."),
            PastTurn(TurnRole.CALLER, SAID[0]),
        )
        ended_at = desk.log(row)[-1][0]
        assert max(5, 2 + takes_s) <= ended_at < max(5, 2 + takes_s) + 0.2

    run(main)


def test_a_caller_does_not_wait_for_ever() -> None:
    cancelled: list[bool] = []

    async def answer(_: SandboxTurn) -> Line:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return Line("too late")

    async def main(house: House) -> None:
        desk = Desk(house, answer=answer)
        row = await desk.place()
        await asyncio.sleep(PATIENCE_S + 6)
        assert desk.turns(row) == [(TurnRole.CALLER, SAID[0])]
        assert desk.ended(row).hangup_cause is HangupCause.CALLER_HANGUP
        assert cancelled == [True]

    run(main)


def test_an_answer_that_says_nothing_and_one_that_fails() -> None:
    async def silent(_: SandboxTurn) -> Line:
        return Line("")

    async def broken(_: SandboxTurn) -> Line:
        raise RuntimeError("what was said")

    async def main(house: House) -> None:
        for answer in (silent, broken):
            desk = Desk(house, answer=answer)
            row = await desk.place()
            await asyncio.sleep(6)
            assert desk.turns(row) == [(TurnRole.CALLER, SAID[0])]
            assert 5 <= desk.log(row)[-1][0] < 6, "the caller did not wait for more"

    with capture_logs() as logs:
        run(main)
    (line,) = [log for log in logs if log["event"] == "sandbox_answer_failed"]
    assert "what was said" not in str(line)


def test_an_order_ends_it_at_any_time() -> None:
    async def main(house: House) -> None:
        for after_s in (0.0, 0.5, 1.5, 2.5, 4.9):
            desk = Desk(house)
            row = await desk.place()
            await asyncio.sleep(after_s)
            assert await end_call(house.calls, TEST, row.id)
            assert desk.ended(row).hangup_cause is HangupCause.API_HANGUP
            await asyncio.sleep(10)
            desk.ended(row)  # nothing follows

    run(main)


def test_an_operator_who_takes_over_is_the_one_who_answers() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        row = await desk.place()
        await asyncio.sleep(0.5)
        await take_over(house.calls, TEST, row.id, "op")
        await asyncio.sleep(PATIENCE_S + 6)
        assert desk.turns(row) == [(TurnRole.CALLER, SAID[0])]
        assert desk.ended(row).hangup_cause is HangupCause.CALLER_HANGUP

    run(main)


@pytest.mark.parametrize("held_at_s", [0.5, 1.5, 2.0, 4.0])
def test_a_caller_on_hold_waits(held_at_s: float) -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        row = await desk.place()
        await asyncio.sleep(held_at_s)
        assert await house.calls.order(TEST, row.id, order=HoldOrdered()) is Verdict.DONE
        said = desk.turns(row)
        await asyncio.sleep(5)
        assert desk.turns(row) == said, "nothing is said on hold"
        assert await house.calls.order(TEST, row.id, order=ResumeOrdered()) is Verdict.DONE
        await asyncio.sleep(1)
        assert desk.turns(row) == [(TurnRole.CALLER, SAID[0]), (TurnRole.AGENT, ANSWER)]
        assert desk.ended(row).hangup_cause is HangupCause.CALLER_HANGUP

    run(main)


def test_a_caller_does_not_stay_on_hold_for_ever() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        row = await desk.place()
        assert await house.calls.order(TEST, row.id, order=HoldOrdered()) is Verdict.NOT_ACTIVE
        await asyncio.sleep(0.1)
        assert await house.calls.order(TEST, row.id, order=HoldOrdered()) is Verdict.DONE
        await asyncio.sleep(PATIENCE_S + 2)
        assert desk.turns(row) == []
        assert desk.ended(row).hangup_cause is HangupCause.CALLER_HANGUP

    run(main)


def test_digits_and_a_transfer() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        row = await desk.place()
        await asyncio.sleep(0.1)
        order = house.calls.order
        assert await order(TEST, row.id, order=DigitsOrdered("12#")) is Verdict.DONE
        moved = TransferOrdered("+2348050001111")
        assert await order(TEST, row.id, order=moved) is Verdict.DONE
        await asyncio.sleep(6)
        assert desk.ended(row).hangup_cause is HangupCause.TRANSFERRED
        assert "call.transferred" in desk.types(row)

    run(main)


def test_a_shutdown_ends_it() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        row = await desk.place()
        await asyncio.sleep(1)
        await house.calls.shutdown()
        await asyncio.sleep(1)
        assert desk.ended(row).hangup_cause is HangupCause.SERVER_SHUTDOWN
        with pytest.raises(Unavailable):
            await desk.place()

    run(main)


def test_a_call_that_cannot_be_written_is_refused_and_ends() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        house.store.go_away()
        with pytest.raises(Unavailable):
            await desk.place()
        house.store.come_back()
        await asyncio.sleep(60)
        assert not house.calls.count(TEST)
        with desk.places.placed(TEST.workspace_id, 1):
            pass  # its place is free

    run(main)


def test_a_workspace_has_as_many_calls_as_its_tier_allows() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        rows = [await desk.place(most_calls=2) for _ in range(2)]
        with pytest.raises(TooManyCalls):
            await desk.place(most_calls=2)
        await end_call(house.calls, TEST, rows[0].id)
        await asyncio.sleep(0.1)
        rows.append(await desk.place(most_calls=2))
        await asyncio.sleep(6)
        with desk.places.taken(Scope(TEST.workspace_id, Environment.LIVE)):
            rows.append(await desk.place(most_calls=2))
            with pytest.raises(TooManyCalls):
                await desk.place(most_calls=2)
        await asyncio.sleep(6)
        assert [desk.ended(row).status for row in rows] == [CallStatus.COMPLETED] * 4

    run(main)


def test_a_process_has_so_many_calls() -> None:
    async def main(house: House) -> None:
        desk = Desk(house, most=SessionLimits(placed=1))
        await desk.place()
        with pytest.raises(ProcessFull):
            await desk.place()
        await asyncio.sleep(6)
        await desk.place()

    run(main)


def test_agents_that_take_no_calls() -> None:
    async def main(house: House) -> None:
        desk = Desk(house)
        assert await desk.calls.find_agent(TEST, AGENT.id) == AGENT
        with pytest.raises(NoSuchAgent):
            await desk.calls.find_agent(TEST, UUID(int=1))
        with pytest.raises(AgentDisabled):
            await desk.calls.find_agent(TEST, UUID(int=8))

    run(main)


def test_it_is_never_recorded() -> None:
    agent = structs.replace(AGENT, recording_enabled=True, consent_required=False)

    async def main(house: House) -> None:
        desk = Desk(house)
        row = await desk.place(agent)
        live, _ = house.calls._live[row.id]
        assert not live.new.recorded

    run(main)


@settings(max_examples=40)
@given(
    scale=st.sampled_from([0.0, 0.1, 1.0]),
    answers=st.lists(st.floats(0, 12), max_size=6),
    ends=st.lists(st.none() | st.floats(0, 20), max_size=6),
)
def test_many_calls_each_end_once(
    scale: float, answers: list[float], ends: list[float | None]
) -> None:
    """Whatever the answers take, and whoever ends it when."""

    async def main(house: House) -> None:
        async def one(takes_s: float, end_after_s: float | None) -> None:
            async def answer(_: SandboxTurn) -> Line:
                await asyncio.sleep(takes_s)
                return Line("We are.")

            desk = Desk(house, scale, answer=answer)
            row = await desk.place()
            if end_after_s is not None:
                await asyncio.sleep(end_after_s)
                await end_call(house.calls, TEST, row.id)
            await asyncio.sleep(5 + 2 * PATIENCE_S)
            ended = desk.ended(row)
            types = desk.types(row)
            assert types.count("call.participant_joined") == types.count("call.participant_left")
            turns = desk.turns(row)
            assert turns in ([], [(TurnRole.CALLER, SAID[0])]) or turns == [
                (TurnRole.CALLER, SAID[0]),
                (TurnRole.AGENT, "We are."),
            ]
            assert [line.text for line in ended.transcript] == [text for _, text in turns]

        pairs = zip(answers, [*ends, *[None] * 6], strict=False)
        await asyncio.gather(*(one(*pair) for pair in pairs))

    run(main)


@pytest.mark.parametrize("url", ["https://shop.example/hook", None])
def test_a_tool_of_its_agent_is_run_by_the_webhook_or_by_nobody(url: str | None) -> None:
    """A model that calls one stands in for the script: it has no client to run it."""
    results: list[str] = []

    class Caller(SandboxVoice):
        def send(self, order: VoiceOrder) -> None:
            if isinstance(order, ToolResult):
                results.append(order.result)
            super().send(order)

    def new_line(agent: Agent, is_greeted: bool) -> SandboxLine:
        async def open_voice(opening: VoiceOpening, listener: VoiceListener) -> Voice:
            async def answer(turn: SandboxTurn) -> Line:
                if results:
                    return Line("It has been shipped.")
                call = ToolCall(turn.order.response_id, "c1", "lookup", {"order": "A-19"})
                listener.on_voice_signal(call)
                return Line("Let me see.")

            voices.append(Caller(opening, listener, answer=answer))
            return voices[-1]

        voices: list[Caller] = []
        return SandboxLine(
            SandboxLeg(lambda words: voices[-1].hear(words), 1.0, is_greeted=is_greeted), open_voice
        )

    async def main(house: House) -> None:
        async def run_tool(_: ToolQuestion) -> str:
            return '{"status":"shipped"}'

        house.runs_tool = run_tool
        desk = Desk(house, new_line=new_line)
        row = await desk.place(
            structs.replace(AGENT, tools=(Tool(name="lookup"),), webhook_url=url)
        )
        await asyncio.sleep(20)
        asked = [(question.name, question.call.id) for question in house.tools_asked]
        assert asked == ([("lookup", row.id)] if url else [])
        assert results == ['{"status":"shipped"}' if url else NO_WEBHOOK]
        said = [text for role, text in desk.turns(row) if role is TurnRole.AGENT]
        assert said == ["Let me see.", "It has been shipped."]

    run(main)
