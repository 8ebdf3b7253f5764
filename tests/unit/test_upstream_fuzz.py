"""Whatever a provider sends, a conversation with it has a documented outcome.

Legal frames in any sequence, mutated ones and any bytes come between the orders of a call.
Only `Unreadable` is raised, the reports keep their sequence, causes of a loss are documented,
and what is sent meanwhile is legal by the vendor's types.
"""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    Respond,
    ToolResult,
    UpdateConfig,
    VoiceOrder,
)
from ringline.voices import gemini, openai, xai
from ringline.voices.gemini_conversation import Conversation as GeminiConversation
from ringline.voices.heard_clock import HeardClock
from ringline.voices.openai_live_conversation import Conversation as LiveConversation
from ringline.voices.upstream_conversation import Conversation
from ringline.wire import gemini_reports, openai_live_events, openai_realtime_events
from ringline.wire.openai_realtime import Dialect
from ringline.wire.upstream_failures import Loss
from tests import clock as virtual
from tests.gemini_types import check_client
from tests.outside_types import live_client, openai_client, xai_client
from tests.unit.test_gemini_conversation import Loud
from tests.upstream_corpus import CORPORA, frames_of
from tests.voice_desk import Recorder, hum, quiet
from tests.voice_rules import check_reports

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "voices.md"
PNG = "data:image/png;base64,iVBORw0KGgo="
TOOLS = (Tool(name="clock"), Tool(name="lamp"))
BY_ORDER = TurnDetection(type=TurnDetectionType.NONE)


@dataclass
class Desk:
    """A conversation with a provider, by what is the same for all."""

    order: Callable[[VoiceOrder], None]
    hear: Callable[[Chunk], None]
    take: Callable[[bytes], None]
    tick: Callable[[], object]
    stop: Callable[[], None]
    rate_hz: int = 24_000
    sees: bool = True


@dataclass
class Sink:
    """What a conversation reports, sends and loses."""

    ear: Recorder = field(default_factory=Recorder)
    lost: list[Loss] = field(default_factory=list)


def with_openai(sink: Sink, dialect: Dialect = openai.DIALECT, *, by_order: bool) -> Desk:
    judge = xai_client if dialect.flat_session else openai_client

    def send(payload: bytes) -> None:
        assert judge(json.loads(payload)) == []

    clock = HeardClock(asyncio.get_running_loop().time)
    detection = BY_ORDER if by_order and not dialect.flat_session else TurnDetection()
    config = SessionConfig(model="m", voice="marin", tools=TOOLS, turn_detection=detection)
    talk = Conversation(
        dialect, sink.ear, config=config, clock=clock, send=send, lose=sink.lost.append
    )

    def take(frame: bytes) -> None:
        if (event := openai_realtime_events.read_event(frame)) is not None:
            talk.take(event)

    def tick() -> None:
        talk.answer_overdue()
        if talk.turns.unread_since is not None:
            talk.turns.give_up()

    return Desk(
        talk.order,
        lambda chunk: clock.give(chunk.duration_ms),
        take,
        tick,
        lambda: None,
        sees=not dialect.flat_session,
    )


def with_xai(sink: Sink, *, by_order: bool) -> Desk:
    return with_openai(sink, xai.DIALECT, by_order=by_order)


def with_gemini(sink: Sink, *, by_order: bool) -> Desk:
    name, model = next(iter(gemini.MODELS.items()))
    config = SessionConfig(model=name, voice="Puck", tools=TOOLS)
    if by_order:
        config = replace(config, turn_detection=BY_ORDER)

    def send(frame: bytes) -> None:
        check_client(frame)

    talk = GeminiConversation(
        model.dialect,
        sink.ear,
        config=config,
        new_detector=Loud,
        send=send,
        send_audio=lambda frame, _: send(frame),
        lose=sink.lost.append,
    )

    def take(frame: bytes) -> None:
        talk.take(gemini_reports.read_message(frame))

    return Desk(talk.order, talk.hear, take, lambda: None, talk.close, 16_000)


def with_live(sink: Sink, *, by_order: bool) -> Desk:
    config = SessionConfig(model="openai/gpt-live-1.1", voice="marin", tools=TOOLS)

    def send(payload: bytes) -> None:
        assert live_client(json.loads(payload)) == []

    talk = LiveConversation(
        sink.ear,
        config=config,
        new_detector=Loud,
        send=send,
        send_audio=lambda frame, _: send(frame),
        lose=sink.lost.append,
    )

    def take(frame: bytes) -> None:
        if (report := openai_live_events.read_event(frame)) is not None:
            talk.take(report)

    return Desk(talk.order, talk.hear, take, lambda: None, talk.stop)


CONVERSATIONS: dict[str, Any] = {
    "openai": with_openai,
    "xai": with_xai,
    "gemini": with_gemini,
    "openai live": with_live,
}
UNREADABLE = (
    openai_realtime_events.Unreadable,
    gemini_reports.Unreadable,
    openai_live_events.Unreadable,
)

#: What a call and its caller do; a response's number is the number of the step.
_ids = st.integers(0, 5)
_orders = st.one_of(
    st.just("respond"),
    st.just("say"),
    st.sampled_from([AddText("One."), AddImage(PNG), EndTurn(), ClearInput()]),
    st.builds(lambda n, ms: Cancel(f"r{n}", ms), _ids, st.integers(0, 3_000)),
    st.builds(lambda n: ToolResult(f"call_{n}", "{}"), _ids),
    st.sampled_from(["config", "speech", "quiet", "time"]),
)


def causes_on_the_page() -> set[str]:
    """Return the causes that the page names."""
    section = PAGE.read_text("utf-8").partition("## When a provider fails")[2]
    return set(re.findall(r"`([a-z_]+)`", section.partition("\n## ")[0]))


@pytest.mark.parametrize("by_order", [False, True])
@pytest.mark.parametrize("provider", CONVERSATIONS)
def test_whatever_comes_has_a_documented_outcome(provider: str, by_order: bool) -> None:
    documented = causes_on_the_page()
    steps = st.lists(frames_of(CORPORA[provider]) | _orders, max_size=40)

    @settings(max_examples=150)
    @given(steps)
    def converse(steps: list[Any]) -> None:
        sink = Sink()
        virtual.run(play(sink, provider, steps, by_order=by_order))
        assert {loss.cause for loss in sink.lost} <= documented

    converse()


async def play(sink: Sink, provider: str, steps: list[Any], *, by_order: bool) -> None:
    desk = CONVERSATIONS[provider](sink, by_order=by_order)
    number = 0
    for step in steps:
        if sink.lost:
            break
        match step:
            case bytes():
                with suppress(*UNREADABLE):
                    desk.take(step)
            case AddImage() if not desk.sees:
                pass
            case "respond" | "say":
                number += 1
                desk.order(Respond(f"r{number}", "Good day." if step == "say" else None))
            case "config":
                desk.order(UpdateConfig(SessionConfig(model="m", voice="cedar")))
            case "speech" | "quiet":
                pcm = (hum if step == "speech" else quiet)(600, desk.rate_hz)
                desk.hear(Chunk(pcm, desk.rate_hz))
            case "time":
                await asyncio.sleep(0.7)
                desk.tick()
            case _:
                desk.order(step)
        check_reports(sink.ear.reports)
    desk.stop()
