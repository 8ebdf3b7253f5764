"""`SOCKET_CLOSE_AT_EXPIRY`: what a session token opened ends with it (contract, 8)."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from websockets.asyncio.client import connect

from ringline.app import server as app
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from tests.callers import calling
from tests.database import TestDatabase
from tests.followed import written_thread
from tests.polling import poll_client, polling
from tests.serving import Service, serving
from tests.texting import Texting
from tests.watchers import StreamClient, events_client, transcript
from tests.watchers import conversation_stream as conversation

JUMP = timedelta(seconds=301)  # a token lives for 300 s


class WallClock:
    """The clock of the machine, which a test moves."""

    def __init__(self) -> None:
        self.off_by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off_by


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()
    monkeypatch.setattr(app, "now", clock)
    return clock


@pytest.fixture
async def service(wall: WallClock, database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, socket_close_at_expiry=True) as service:
        yield service


async def test_each_surface_says_so_in_its_own_way(service: Service, wall: WallClock) -> None:
    key = service.keys.test_key
    thread = await written_thread(Texting(service))
    async with AsyncExitStack() as held:
        call = await held.enter_async_context(calling(service, key))
        token = await service.session_token(key)
        events = await held.enter_async_context(events_client(service, key))
        await events.join()
        socket = await held.enter_async_context(
            connect(f"{service.ws_url}/v1/calls/{call.call_id}/stream?token={token}")
        )
        spoken = await held.enter_async_context(transcript(service, call.call_id, key=token))
        polls = await held.enter_async_context(poll_client(service, key))
        poll = await held.enter_async_context(polling(polls))
        written = await held.enter_async_context(conversation(service, thread.id, key=token))
        # A key does not end with the tokens that it minted.
        own = await held.enter_async_context(transcript(service, call.call_id, key=key))
        wall.off_by = JUMP
        assert await events.closed() == 1001
        assert events.socket.close_reason == "expired"
        assert (await poll).status == 403
        assert (await polls.poll()).status == 403
        of_call = StreamClient(socket)
        await of_call.rest()
        assert of_call.closed == (1008, "UNAUTHENTICATED")
        for stream in (spoken, written):
            frames = []
            while (event := await stream.event()) is not None:
                frames.append(event)
            assert frames[-1].name == "error"
            assert json.loads(frames[-1].data)["error_code"] == "UNAUTHENTICATED"
        await call.say("still here")
        assert await own.finals(1)


async def test_it_is_off_by_default(wall: WallClock, database: TestDatabase) -> None:
    async with (
        serving(database) as service,
        events_client(service) as client,
        poll_client(service) as polls,
    ):
        scope = Scope(service.keys.workspace_id, Environment.LIVE)
        _, ends = await service.admin.workspaces.create_key(
            scope, KeyKind.SECRET, label="ends", expires_at=wall() + timedelta(seconds=60)
        )
        async with events_client(service, ends) as other:
            wall.off_by = JUMP
            assert await other.closed() == 1001  # its key has expired, so there was a look
        await client.send(None, "9", "phoenix", "heartbeat", {})
        assert (await client.receive())[4]["status"] == "ok"
        # A client that polls repeats its token for as long as its session lasts.
        assert await polls.send([None, "9", "phoenix", "heartbeat", {}]) == 200
        assert (await polls.push())[4]["status"] == "ok"
        assert (await polls.get()).status == 403, "it opens no other"
