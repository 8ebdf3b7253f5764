"""What the fakes of providers do on request, to bring a situation about."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

from fastapi import Response

from ringline.ports import Voice
from tests.contract.voices.traits import Trait
from tests.fake_endpoints import (
    HEARD,
    Asked,
    FakeEndpoints,
    chat_events,
    reply_to,
    sse,
    streamed,
    transcript_events,
)
from tests.fake_gemini import FakeGemini
from tests.fake_openai import FakeProvider
from tests.fake_openai_live import FakeLive
from tests.gemini_model import EchoModel

#: Waits until the provider is where a prank leads.
Begun: TypeAlias = Callable[[], Awaitable[object]]

#: Does something to a voice or its provider. An answer that hesitates tells when it does.
Prank: TypeAlias = Callable[[Voice], Awaitable[Begun | None]]


async def nothing(_: Voice) -> None:
    """Do nothing: the voice gets there by itself."""


async def at_once() -> None:
    """Wait for one turn of the loop, in which voices of this process begin."""
    await asyncio.sleep(0)


def of_openai(fake: FakeProvider) -> Mapping[Trait, Prank]:
    """Return the pranks of a provider that speaks OpenAI's protocol, or xAI's dialect."""

    async def hesitate(_: Voice) -> Begun:
        fake.session.hesitations += 1

        async def begun() -> None:
            await fake.session.hesitating.wait()
            await fake.settled()

        return begun

    async def say_more(_: Voice) -> None:
        audio = "AAAAAA=="
        place = fake.session.last_place
        await fake.session.send("response.output_audio_transcript.delta", delta="late ", **place)
        await fake.session.send("response.output_audio.delta", delta=audio, **place)
        await fake.settled()

    async def repeat(_: Voice) -> None:
        fake.session.repeats = True

    async def never_end(_: Voice) -> None:
        fake.session.endless = True

    async def be_busy(_: Voice) -> None:
        fake.session.occupied = True

    async def chat(_: Voice) -> None:
        session = fake.session
        if session.xai:
            await session.send("ping", timestamp=2)
        else:
            limit = {"name": "requests", "limit": 9, "remaining": 8, "reset_seconds": 1.5}
            await session.send("rate_limits.updated", rate_limits=[limit])
        await session.raw('{"type": "an.event.of.tomorrow", "event_id": "e"}')
        await session.connection.ping()

    return {
        Trait.HESITATES: hesitate,
        Trait.LATE: say_more,
        Trait.REPEATED: repeat,
        Trait.ENDLESS: never_end,
        Trait.BUSY: be_busy,
        Trait.CHATTER: chat,
    }


def of_openai_live(fake: FakeLive) -> Mapping[Trait, Prank]:
    """Return the pranks of OpenAI's Live sessions."""

    async def hesitate(_: Voice) -> Begun:
        fake.hesitations += 1
        return fake.hesitating.wait

    async def chat(_: Voice) -> None:
        await fake.session.raw('{"type": "an.event.of.tomorrow", "event_id": "e"}')
        await fake.session.connection.ping()

    return {Trait.HESITATES: hesitate, Trait.ENDLESS: nothing, Trait.CHATTER: chat}


def of_gemini(fake: FakeGemini, model: EchoModel) -> Mapping[Trait, Prank]:
    """Return the pranks of Gemini Live."""

    async def hesitate(_: Voice) -> Begun:
        model.hesitations += 1
        return model.hesitating.wait

    async def repeat(_: Voice) -> None:
        model.finishes_twice = True

    async def chat(_: Voice) -> None:
        talk = fake.conversations[-1]
        await talk.send(sessionResumptionUpdate={"resumable": False})
        await talk.raw('{"aMessageOfTomorrow": {}}')
        await talk.socket.ping()

    return {
        Trait.HESITATES: hesitate,
        Trait.REPEATED: repeat,
        Trait.ENDLESS: nothing,
        Trait.CHATTER: chat,
    }


def of_endpoints(fake: FakeEndpoints) -> Mapping[Trait, Prank]:
    """Return the pranks of a cascade's endpoints."""

    async def hesitate(_: Voice) -> Begun:
        head = chat_events("Hello.")
        fake.answers["chat"].append(lambda asked: streamed(asked, head, gate=asyncio.Event()))
        return partial(fake.until, "chat", len(fake.of("chat")) + 1)

    async def repeat(_: Voice) -> None:
        events = [*transcript_events(HEARD), *transcript_events(["Something ", "else."])]
        fake.answers["transcription"].append(lambda asked: streamed(asked, events))

    async def chat(_: Voice) -> None:
        pings = [b": ping\n\n", b"event: ping\n" + sse('{"type": "ping"}')]

        def answer(asked: Asked) -> Response:
            return streamed(asked, [*pings, *chat_events(reply_to(asked.messages))])

        fake.answers["chat"].append(answer)

    return {Trait.HESITATES: hesitate, Trait.REPEATED: repeat, Trait.CHATTER: chat}
