"""Random conversations with every voice, and what holds for all of them.

Whatever a caller and a call do, the reports keep their sequence (`tests/voice_rules.py`), and
the voice answers afterwards: nothing is left in its way.
"""

import asyncio
import random
from collections.abc import Callable

import pytest

from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    Respond,
    ResponseDone,
    ResponseStarted,
    ToolCall,
    ToolResult,
    UpdateConfig,
    VoiceFailed,
)
from ringline.ports import Voice
from tests.contract.voices.rows import Adapter, Call
from tests.voice_desk import Recorder, feed
from tests.voice_rules import check_reports

PNG = "data:image/png;base64,iVBORw0KGgo="
STEPS = 60
LAST = "That was all."


@pytest.mark.parametrize("seed", range(3))
async def test_a_conversation_at_random(
    adapter: Adapter, voice: Voice, ear: Recorder, seed: int
) -> None:
    chance = random.Random(seed)
    caller = Caller(adapter, voice, ear, chance)
    for _ in range(STEPS):
        chance.choice(caller.steps)()
        if chance.random() < 0.05:
            await adapter.settled()
        await asyncio.sleep(chance.choice((0, 0, 0.01, 0.03)))
        check_reports(ear.reports)
    assert [failed for failed in ear.all(VoiceFailed) if not failed.recoverable] == []
    await caller.still_gets_an_answer()


class Caller:
    """A caller and their call, who do anything at any time."""

    def __init__(
        self, adapter: Adapter, voice: Voice, ear: Recorder, chance: random.Random
    ) -> None:
        self.adapter, self.voice, self.ear, self.chance = adapter, voice, ear, chance
        self.number = 0
        self.steps: list[Callable[[], None]] = [
            self.respond,
            self.respond,
            lambda: self.respond("Good day. How are you?"),
            self.cancel,
            self.cancel,
            self.answer_tools,
            self.use_tools,
            lambda: voice.send(AddText(adapter.typed[0].text)),
            lambda: feed(voice, adapter.speech),
            lambda: feed(voice, adapter.turn),
            lambda: feed(voice, adapter.quiet(300)),
            lambda: voice.send(EndTurn()),
            lambda: voice.send(ClearInput()),
            lambda: voice.send(UpdateConfig(adapter.config)),
        ]
        if adapter.capabilities.images:
            self.steps.append(lambda: voice.send(AddImage(PNG)))

    def respond(self, say: str | None = None) -> None:
        self.number += 1
        self.voice.send(Respond(f"r{self.number}", say))

    def cancel(self) -> None:
        begun = [report.response_id for report in self.ear.all(ResponseStarted)][-2:]
        asked = [f"r{max(1, self.number - back)}" for back in range(3)]
        self.voice.send(Cancel(self.chance.choice([*begun, *asked]), self.chance.randrange(2_000)))

    def use_tools(self) -> None:
        if self.adapter.capabilities.tools:
            for text in self.adapter.calling(Call("clock"), Call("lamp")):
                self.voice.send(AddText(text))

    def answer_tools(self) -> None:
        for call in self.ear.all(ToolCall)[-2:]:
            self.voice.send(ToolResult(call.tool_call_id, "{}"))

    async def still_gets_an_answer(self) -> None:
        """End the turn that lasts and what is said; then ask until what was asked for is said.

        What a voice has begun by itself may be in the way of the first request.
        """
        self.voice.send(ClearInput())
        for number in range(1, self.number + 1):
            self.voice.send(Cancel(f"r{number}", 0))
        for attempt in range(5):
            asked = f"last{attempt}"
            self.voice.send(Respond(asked, LAST))
            while asked not in {done.response_id for done in self.ear.all(ResponseDone)}:
                await self.ear.until(ResponseDone, len(self.ear.all(ResponseDone)) + 1)
            if self.ear.text_of(asked) == LAST:
                return
        pytest.fail("it says nothing more")
