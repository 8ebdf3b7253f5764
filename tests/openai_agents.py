"""A caller that OpenAI's agents framework, unmodified, makes: its runner, and what it reported."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from agents import function_tool
from agents.realtime import (
    RealtimeAgent,
    RealtimeAudio,
    RealtimeError,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
)

Event = TypeVar("Event")


@function_tool
def clock(tz: str) -> str:
    """Return the time in a time zone."""
    return f"noon in {tz}"


class Caller:
    """A session, and the events that it has reported."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.events: list[RealtimeSessionEvent] = []
        self._coming = aiter(session)

    async def until(self, kind: type[Event]) -> Event:
        """Wait for the next event of a kind; no event may report an error."""
        while True:
            event = await anext(self._coming)
            self.events.append(event)
            assert not isinstance(event, RealtimeError), event.error
            if isinstance(event, kind):
                return event

    def spoken(self) -> bytes:
        """Return the speech that has come, at 24 kHz."""
        return b"".join(one.audio.data for one in self.events if isinstance(one, RealtimeAudio))

    async def speak(self, pcm: bytes) -> None:
        """Say something, in pieces of 100 ms as a microphone gives them."""
        for start in range(0, len(pcm), 4_800):
            await self.session.send_audio(pcm[start : start + 4_800])


@asynccontextmanager
async def calling(
    url: str, key: str, *, model: str = "", tools: Sequence[Any] = (clock,)
) -> AsyncIterator[Caller]:
    """Run an agent at a socket's URL; `model` is what its first `session.update` names."""
    agent = RealtimeAgent(name="Clerk", instructions="Be brief.", tools=list(tools))
    runner = RealtimeRunner(agent, config={"tracing_disabled": True})
    config: RealtimeModelConfig = {"api_key": key, "url": url}
    if model:
        config["initial_model_settings"] = {"model_name": model}
    async with await runner.run(model_config=config) as session:
        yield Caller(session)
