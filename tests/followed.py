"""What server-sent events follow: a call that is spoken in, a thread that is written to."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias

from tests.callers import Caller, calling
from tests.serving import Service
from tests.texting import Texting
from tests.watchers import EventStream

Frame: TypeAlias = Mapping[str, Any]


class Followed(Protocol):
    """A call or a thread; what is said in it comes in one durable frame each."""

    @property
    def path(self) -> str:
        """Return the stream's path."""
        ...

    @property
    def key(self) -> str:
        """Return a key that may follow it."""
        ...

    async def say(self, *texts: str) -> None: ...

    def text_of(self, frame: Frame) -> str | None:
        """Return the text that a frame is the last of; None for other frames."""
        ...


class SpokenCall:
    """A call whose caller types."""

    def __init__(self, caller: Caller, key: str) -> None:
        self._caller = caller
        self.key = key
        self.path = f"/v1/calls/{caller.call_id}/transcript/stream"

    async def say(self, *texts: str) -> None:
        await self._caller.say(*texts)

    def text_of(self, frame: Frame) -> str | None:
        return frame["text"] if frame["is_final"] else None


class WrittenThread:
    """A thread of messages that a person answers, so that nobody else writes."""

    def __init__(self, texting: Texting, conversation_id: str) -> None:
        self._texting = texting
        self.id = conversation_id
        self.key = texting.service.keys.test_key
        self.path = f"/v1/conversations/{conversation_id}/stream"

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self._texting.write(text)

    def text_of(self, frame: Frame) -> str | None:
        return frame["text"] if frame["event_type"] == "message.received" else None


@asynccontextmanager
async def _call(service: Service) -> AsyncGenerator[SpokenCall]:
    async with calling(service) as caller:
        yield SpokenCall(caller, service.keys.secret_key)


async def written_thread(texting: Texting) -> WrittenThread:
    """Open a thread by a message of ours, so that nothing in it waits for an answer."""
    thread = WrittenThread(texting, (await texting.sent("hello"))["conversation_id"])
    await texting.until_type("message.dlr")
    await texting.hand_over(thread.id, "human")
    return thread


@asynccontextmanager
async def _thread(service: Service) -> AsyncGenerator[WrittenThread]:
    yield await written_thread(Texting(service))


#: Both, by what they are called in tests.
FOLLOWED: Mapping[str, Callable[[Service], AbstractAsyncContextManager[Followed]]] = {
    "call": _call,
    "thread": _thread,
}


class FollowedStream(EventStream):
    """A client of one of them."""

    async def texts(self, followed: Followed, count: int) -> list[tuple[str, str]]:
        """Return position and text of what is said next."""
        found: list[tuple[str, str]] = []
        while len(found) < count:
            event = await self.event()
            assert event is not None, "the stream has ended"
            text = followed.text_of(json.loads(event.data))
            if text is not None:
                found.append((event.last_event_id, text))
        return found


@asynccontextmanager
async def following(
    service: Service, followed: Followed, query: str = "", last: str | None = None
) -> AsyncGenerator[FollowedStream]:
    """Follow one, perhaps from an event on."""
    headers = service.bearer(followed.key) | ({} if last is None else {"Last-Event-ID": last})
    async with service.http.get(
        f"{service.base_url}{followed.path}{query}", headers=headers
    ) as answer:
        assert answer.status == 200, await answer.text()
        yield FollowedStream(answer)
