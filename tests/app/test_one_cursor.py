"""One cursor everywhere: every surface resumes from the same things, or says that it cannot.

One table of what a client may have kept, held against every surface that can be resumed
(contract, 2): what follows is complete and in order, or it is said that it is not.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from ringline.domain.ids import Prefix, format_id
from tests.callers import Caller, calling
from tests.followed import SpokenCall, following
from tests.serving import Service
from tests.watchers import events_client, stream_client

SAID = ["one", "two", "three", "four"]
LATER = "later"


@dataclass
class Resumed:
    """What a surface says of a position, and the texts that follow, one by one."""

    recovered: bool
    next_text: Callable[[], Awaitable[str]]


Surface: TypeAlias = Callable[[Service, Caller, str], AbstractAsyncContextManager[Resumed]]


@asynccontextmanager
async def events_socket(service: Service, caller: Caller, since: str) -> AsyncGenerator[Resumed]:
    async with events_client(service) as client:
        response = await client.join(since=since)

        async def next_text() -> str:
            return (await client.until("call_transcript_completed"))[-1][4]["transcript"]

        yield Resumed(response["recovered"], next_text)


@asynccontextmanager
async def call_socket(service: Service, caller: Caller, since: str) -> AsyncGenerator[Resumed]:
    async with stream_client(service, caller.call_id, since=since) as client:
        frames: list[dict[str, Any]] = []

        async def next_text() -> str:
            while True:
                frame = frames.pop(0) if frames else await client.receive()
                if frame["event_type"] == "call.transcription":
                    return frame["payload"]["text"]

        await caller.say(LATER)  # so that there is something to read
        frames.append(await client.receive())
        yield Resumed(frames[0]["event_type"] != "stream.dropped", next_text)


def transcript_by(query: str, *, header: bool = False) -> Surface:
    @asynccontextmanager
    async def transcript(service: Service, caller: Caller, since: str) -> AsyncGenerator[Resumed]:
        call = SpokenCall(caller, service.keys.secret_key)
        asked = "" if header else f"?{query}={since}"
        async with following(service, call, asked, since if header else None) as client:
            await caller.say(LATER)
            begin = await client.raw_until(b"\n\n")

            async def next_text() -> str:
                while True:
                    frame = json.loads((await client.event()).data)  # type: ignore[union-attr]
                    if frame["is_final"]:
                        return frame["text"]

            yield Resumed(b": not recovered" not in begin, next_text)

    return transcript


SURFACES: dict[str, Surface] = {
    "events socket": events_socket,
    "call WebSocket": call_socket,
    "transcript, header": transcript_by("", header=True),
    "transcript, since": transcript_by("since"),
    "transcript, lastEventId": transcript_by("lastEventId"),
    "transcript, last_event_id": transcript_by("last_event_id"),
}


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
async def test_every_surface_resumes_from_the_same_things(
    service: Service, surface: Surface
) -> None:
    stranger = await service.admin.workspaces.create("Stranger")
    async with (
        calling(service, key=stranger.secret_key) as theirs,
        events_client(service, stranger.secret_key) as watcher,
    ):
        await watcher.join()
        await theirs.say("theirs")
        foreign = (await watcher.until("call_transcript_completed"))[-1][4]
    async with calling(service) as caller, events_client(service) as client:
        begun = (await client.join())["position"]
        await caller.say(*SAID)
        told = [(await client.until("call_transcript_completed"))[-1][4] for _ in SAID]
        epoch, head = told[-1]["position"].split(":")
        complete = {
            "0": SAID,
            begun: SAID,
            told[1]["position"]: SAID[2:],
            told[1]["eventId"]: SAID[2:],
            told[3]["position"]: [],
            told[3]["eventId"]: [],
        }
        unrecoverable = [
            foreign["position"],
            foreign["eventId"],
            f"{epoch}:{int(head) + 1_000}",
            f"zzzzzzzz:{head}",
            format_id(Prefix.EVENT, stranger.workspace_id),
            "nonsense",
            "1",
        ]
        for since, texts in complete.items():
            await _expect(service, caller, surface, since=since, recovered=True, texts=texts)
        for since in unrecoverable:
            await _expect(service, caller, surface, since=since, recovered=False, texts=[])


async def _expect(
    service: Service,
    caller: Caller,
    surface: Surface,
    *,
    since: str,
    recovered: bool,
    texts: list[str],
) -> None:
    """Hold a surface to it, up to what is said afterwards; other cases have said `later` too."""
    async with surface(service, caller, since) as resumed:
        assert resumed.recovered is recovered, since
        marker = f"the end of {since}"
        await caller.say(marker)
        heard: list[str] = []
        while (text := await resumed.next_text()) != marker:
            heard.append(text)
        said = [text for text in heard if text != LATER and not text.startswith("the end of")]
        assert said == texts, since
