"""A harness for calls in virtual time, with the real journal, bridge and domain."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from ringline.domain import voice
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.call_signals import EndOrdered, Verdict
from ringline.domain.call_vocabulary import ParticipantRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.events import CallEnded, EventData, ParticipantJoined, ParticipantLeft
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.log import Scope
from ringline.domain.prices import ModelPrices, PriceList
from ringline.domain.receivers import ToolQuestion
from ringline.ports import OpenVoice, RunTool, Voice, VoiceListener
from ringline.services.calls import Calls
from ringline.services.journal import Journal
from ringline.services.live_call import CallLimits, LiveCall, NewCall
from ringline.services.pricing import Pricing
from ringline.services.recordings import Recordings
from tests import clock as virtual
from tests.faulty import FaultyBus, FaultyLog, MemoryLog
from tests.samples import a_scope, new_id
from tests.talking import CAPABILITIES, ScriptedLeg, ScriptedVoice, call_row, clock, half_or_double

SCOPE = a_scope()
LIMITS = CallLimits()
#: A token costs a dollar.
PRICES = PriceList(
    date(2026, 11, 28),
    {"local/": ModelPrices(**dict.fromkeys(("audio_in", "audio_out", "text_in", "text_out"), 1e6))},
)


async def run_no_tool(_: ToolQuestion) -> str:
    raise AssertionError("no tool of an agent is expected here")


class House:
    """The services that run calls, with scripted voices."""

    def __init__(self, recordings: Recordings | None = None) -> None:
        self.memory = MemoryLog()
        self.store = FaultyLog(self.memory)
        self.journal = Journal(self.store, FaultyBus())
        self.wall_clock: Callable[[], datetime] = clock
        self.calls = Calls(
            self.journal,
            self._open,
            run_tool=self._run_tool,
            pricing=Pricing(PRICES),
            new_resampler=half_or_double,
            now=lambda: self.wall_clock(),
            new_id=new_id,
            recordings=recordings,
        )
        self.voices: list[ScriptedVoice] = []
        self.openings: list[voice.VoiceOpening] = []
        self.capabilities = CAPABILITIES
        #: What opens the voices instead, if they are not scripted.
        self.opens: OpenVoice | None = None
        self.opening_s = 0.1
        self.opening_fails: Exception | None = None
        self.cancelled_openings = 0
        #: What agents' webhooks were asked for, and how they answer.
        self.tools_asked: list[ToolQuestion] = []
        self.runs_tool: RunTool = run_no_tool

    async def _open(self, opening: voice.VoiceOpening, listener: VoiceListener) -> Voice:
        if self.opens is not None:
            return await self.opens(opening, listener)
        try:
            await asyncio.sleep(self.opening_s)
        except asyncio.CancelledError:
            self.cancelled_openings += 1
            raise
        if self.opening_fails is not None:
            raise self.opening_fails
        self.openings.append(opening)
        self.voices.append(ScriptedVoice(listener, self.capabilities))
        return self.voices[-1]

    async def _run_tool(self, question: ToolQuestion) -> str:
        self.tools_asked.append(question)
        return await self.runs_tool(question)

    def start(
        self, greeting: str = "", limits: CallLimits = LIMITS
    ) -> tuple[LiveCall, ScriptedLeg]:
        line = ScriptedLeg()
        return self.start_on(line, greeting, limits=limits), line

    def start_on(
        self,
        line: ScriptedLeg,
        greeting: str = "",
        *,
        limits: CallLimits = LIMITS,
        recorded: bool = False,
        tells_usage: bool = False,
        tools_run_by: ToolRunner = ToolRunner.CLIENT,
    ) -> LiveCall:
        row = replace(call_row(), started_at=self.wall_clock())
        config = SessionConfig(model="local/attendant")
        new = NewCall(
            SCOPE,
            row,
            config,
            greeting,
            limits,
            recorded=recorded,
            tells_usage=tells_usage,
            tools_run_by=tools_run_by,
        )
        return self.calls.start(new, line)

    def events(self, live: LiveCall) -> list[EventData]:
        return [
            stored.event.data
            for stored in self.memory.logs.get(live.new.scope, [])
            if stored.event.call is not None and stored.event.call.id == live.new.row.id
        ]

    def ended(self, live: LiveCall) -> CallEnded:
        """Return a call's last event, after checking that all participants have left."""
        *before, last = self.events(live)
        assert isinstance(last, CallEnded)
        types = [data.type for data in before]
        assert "call.ended" not in types
        joined = [data.participant_id for data in before if isinstance(data, ParticipantJoined)]
        left = [data.participant_id for data in before if isinstance(data, ParticipantLeft)]
        assert sorted(left) == sorted(joined)
        assert types[-1] == "call.participant_left" or not joined
        assert types[:1] == ["call.created"]
        return last


async def end_call(calls: Calls, scope: Scope, call_id: UUID) -> bool:
    """End a call; return whether it runs in this process."""
    ended = EndOrdered(EndCause.ENDED_BY_API)
    return await calls.order(scope, call_id, order=ended) is not Verdict.NOT_HERE


async def take_over(
    calls: Calls,
    scope: Scope,
    call_id: UUID,
    member: str,
    role: ParticipantRole = ParticipantRole.OPERATOR,
) -> Verdict:
    """Let an operator take over a call."""
    return await calls.order(scope, call_id, order=TakenOver(member, role))


async def hand_back(calls: Calls, scope: Scope, call_id: UUID) -> Verdict:
    """Hand a call back to its agent."""
    return await calls.order(scope, call_id, order=HandedBack())


def run(
    main: Callable[[House], Coroutine[Any, Any, None]], recordings: Recordings | None = None
) -> None:
    """Run a test in virtual time; check that no task and no voice is left at its end."""

    async def whole() -> None:
        house = House(recordings)
        house.journal.start()
        await main(house)
        house.store.come_back()
        await house.calls.shutdown()
        await house.journal.close()
        assert all(voice_.closed for voice_ in house.voices)
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual.run(whole())
