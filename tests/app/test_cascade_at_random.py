"""Random conversations with a cascade whose endpoints fail at random, and what always holds."""

import asyncio
import random
from collections.abc import Callable

import pytest

from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    Respond,
    ToolCall,
    ToolResult,
    UpdateConfig,
    VoiceOpening,
)
from ringline.voices.cascade import Cascades
from ringline.voices.detectors import DETECTORS
from ringline.voices.endpoints import Endpoints, Patience
from tests.fake_endpoints import (
    STAGES,
    Answer,
    FakeEndpoints,
    call_events,
    chat_events,
    fake_endpoints,
    refusing,
    streamed,
)
from tests.voice_desk import Recorder, buzz, feed, quiet
from tests.voice_rules import check_reports

CONFIG = SessionConfig(model="cascade/house", voice="alloy")
PNG = "data:image/png;base64,iVBORw0KGgo="
STEPS = 120


FAULTS: list[Answer] = [
    refusing(400),
    refusing(503),
    lambda asked: streamed(asked, [b"data: {"]),
    lambda asked: streamed(asked, chat_events("The first. The second.")[:6], breaks=True),
    lambda asked: streamed(asked, [b"\x01"], media_type="audio/pcm", breaks=True),
    lambda asked: streamed(asked, call_events(("c", "clock", "{}"), ("c", "lamp", ""))),
]


@pytest.mark.parametrize("seed", range(6))
async def test_a_conversation_at_random(seed: int) -> None:
    chance = random.Random(seed)
    async with fake_endpoints() as fake:
        for _ in range(3):  # a failure may end one early
            await converse(fake, chance)
    assert {asked.stage for asked in fake.asked} == set(STAGES)


async def converse(fake: FakeEndpoints, chance: random.Random) -> None:
    cascades = Cascades(Endpoints(Patience(stall_s=1.0)), DETECTORS["webrtc"])
    ear = Recorder()
    voice = await cascades.opener(fake.cascade())(VoiceOpening(CONFIG), ear)
    number = 0

    def respond(say: str | None = None) -> None:
        nonlocal number
        number += 1
        voice.send(Respond(f"r{number}", say))

    def cancel() -> None:
        voice.send(Cancel(f"r{max(1, number - chance.randrange(3))}", chance.randrange(2_000)))

    def break_a_stage() -> None:
        fake.answers[chance.choice(STAGES)].append(chance.choice(FAULTS))

    def answer_a_tool() -> None:
        for call in ear.all(ToolCall)[-2:]:
            voice.send(ToolResult(call.tool_call_id, "{}"))

    steps: list[Callable[[], None]] = [
        respond,
        respond,
        lambda: respond("Good day. How are you?"),
        cancel,
        cancel,
        break_a_stage,
        answer_a_tool,
        lambda: voice.send(AddText("One. Two.")),
        lambda: voice.send(AddImage(PNG)),
        lambda: feed(voice, buzz(500)),
        lambda: feed(voice, buzz(500) + quiet(700)),
        lambda: voice.send(EndTurn()),
        lambda: voice.send(ClearInput()),
        lambda: voice.send(UpdateConfig(CONFIG)),
    ]
    for _ in range(STEPS):
        chance.choice(steps)()
        await asyncio.sleep(chance.choice((0, 0, 0.01, 0.03)))
        check_reports(ear.reports)
    await voice.close()
    before = list(ear.reports)
    await asyncio.sleep(0.05)
    assert ear.reports == before
    own = [task for task in asyncio.all_tasks() if "cascade" in repr(task.get_coro())]
    assert own == [], "nothing of the voice is left"
    await cascades.close()
