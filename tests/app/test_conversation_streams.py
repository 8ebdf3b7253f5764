"""The live stream of a thread of messages (live streams, 2.4)."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest

from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.wire.message_payloads import THREAD_EVENTS
from tests.database import TestDatabase, add_member
from tests.followed import written_thread
from tests.hook_receivers import receiver
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.texting import OURS, Texting
from tests.watchers import conversation_stream

CHANGED = "conversation.mode_changed"


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, sandbox_clock_scale=0.01, webhook_allow_private=True) as service:
        yield service


@pytest.fixture
def texting(service: Service) -> Texting:
    return Texting(service)


@pytest.fixture
async def thread(texting: Texting) -> str:
    """Open a thread that a person answers; give its id."""
    return (await written_thread(texting)).id


async def status_of(
    service: Service, conversation_id: str, query: str = "", **headers: str
) -> tuple[int, str]:
    """Return the status of a refusal, and its code."""
    url = f"{service.base_url}/v1/conversations/{conversation_id}/stream{query}"
    async with service.http.get(url, headers=headers) as answer:
        body = await answer.json()
        assert body["request_id"] == answer.headers["X-Request-Id"]
        return answer.status, body["error_code"]


async def test_a_thread_is_handed_to_a_person_and_back_while_someone_watches(
    service: Service, database: TestDatabase
) -> None:
    """One `event_id` per event, on the stream, at the agent's webhook and in the log."""
    async with database.connection() as superuser:
        user = await add_member(superuser, service.keys.workspace_id, "ada@example.com")
    async with receiver() as hook:
        settings = {"ai_provider": "mock", "ai_model": "echo", "webhook_url": hook.url}
        texting = await Texting(service).agent("Clerk", **settings)
        await texting.number(OURS)
        thread = (await texting.sent("Welcome."))["conversation_id"]
        async with conversation_stream(service, thread, "?since=0") as stream:
            told = await stream.until("message.delivered")
            await texting.write("Good morning.")
            told += await stream.until("message.delivered")
            await texting.hand_over(thread, "human", actor_user_id=format_id(Prefix.USER, user))
            await texting.write("Is anybody there?")
            told += await stream.until("message.received")
            await texting.sent("I am.")
            told += await stream.until("message.delivered")
            await texting.hand_over(thread, "ai")
            await texting.write("Thanks.")
            told += await stream.until("message.delivered")
            await texting.hand_over(thread, "closed")
            told += await stream.until(CHANGED)
            await texting.write("One more thing.")  # which reopens it: the stream is still open
            told += await stream.until("message.delivered")
        texts = [
            (frame["payload"]["sender"], frame["text"])
            for frame in told
            if frame["event_type"] in ("message.received", "message.sent")
        ]
        assert texts == [
            ("ai", "Welcome."),
            ("contact", "Good morning."),
            ("ai", "echo: Good morning."),
            ("contact", "Is anybody there?"),
            ("human", "I am."),
            ("contact", "Thanks."),
            ("ai", "echo: Thanks."),
            ("contact", "One more thing."),
            ("ai", "echo: One more thing."),
        ]
        modes = [
            (frame["from_mode"], frame["to_mode"], frame["actor_user_id"])
            for frame in told
            if frame["event_type"] == CHANGED
        ]
        assert modes == [
            ("ai", "human", str(user)),
            ("human", "ai", None),
            ("ai", "closed", None),
            ("closed", "ai", None),
        ]
        assert {frame["conversation_id"] for frame in told} == {thread}
        ids = [frame["event_id"] for frame in told]
        of_threads = {kind.type for kind in THREAD_EVENTS}
        log = await texting.events()
        assert [event["eventId"] for event in log if event["type"] in of_threads] == ids
        await hook.until(lambda one: len(one.accepted) >= len(ids))
        assert {one.body["event_id"]: one.body["event_type"] for one in hook.accepted} == {
            frame["event_id"]: frame["event_type"] for frame in told
        }


async def test_other_threads_are_not_heard(service: Service, texting: Texting, thread: str) -> None:
    other = (await texting.write("hello", from_number="+2348031234568"))["conversation_id"]
    assert other != thread
    async with (
        conversation_stream(service, thread) as stream,
        conversation_stream(service, other) as of_other,
    ):
        await texting.write("one", from_number="+2348031234568")
        await texting.write("two")
        assert (await stream.until("message.received"))[-1]["text"] == "two"
        assert (await of_other.until("message.received"))[-1]["text"] == "one"


async def test_the_credential_is_in_a_header(
    service: Service, texting: Texting, thread: str
) -> None:
    test_key = service.keys.test_key
    token = await service.session_token(test_key)
    nobody = (401, "UNAUTHENTICATED")
    for credential in (test_key, token):
        assert await status_of(service, thread, f"?token={credential}") == nobody
        async with conversation_stream(service, thread, "?token=x", key=credential) as stream:
            await stream.raw_until(b"\n\n")
    async with conversation_stream(service, thread, headers={"x-api-key": test_key}):
        pass
    assert await status_of(service, thread) == nobody
    for wrong in (service.keys.publishable_key, service.keys.management_key):
        refused = await status_of(service, thread, **service.bearer(wrong))
        assert refused == (403, "PERMISSION_DENIED")


async def test_what_is_no_thread_of_ours_is_unknown(
    service: Service, texting: Texting, thread: str
) -> None:
    stranger = await service.admin.workspaces.create("Stranger")
    test_key, live_key = service.keys.test_key, service.keys.secret_key
    made = await Rpc(service, test_key).run(
        "create_conversation", input={"channel": "chat"}, fields=["id"]
    )
    unknown = format_id(Prefix.CONVERSATION, stranger.workspace_id)
    for conversation_id in (made["id"], unknown, "conv_", "%00", "call_" + "0" * 22):
        refused = await status_of(service, conversation_id, **service.bearer(test_key))
        assert refused == (404, "NOT_FOUND"), conversation_id
    for key in (live_key, stranger.secret_key, stranger.test_key):
        refused = await status_of(service, thread, **service.bearer(key))
        assert refused == (404, "NOT_FOUND")


async def test_a_revoked_key_ends_what_it_opened(
    service: Service, texting: Texting, thread: str
) -> None:
    scope = Scope(service.keys.workspace_id, Environment.TEST)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="short")
    token = await service.session_token(text)
    async with (
        conversation_stream(service, thread, key=text) as by_key,
        conversation_stream(service, thread, key=token) as by_token,
        conversation_stream(service, thread) as other,
    ):
        await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
        for stream in (by_key, by_token):
            last = await stream.event()
            assert last is not None
            assert last.name == "error"
            assert json.loads(last.data)["error_code"] == "UNAUTHENTICATED"
            assert await stream.event() is None
        await texting.write("still here")
        assert (await other.frame())["text"] == "still here"


async def test_the_end_of_the_server_is_said(database: TestDatabase) -> None:
    async with AsyncExitStack() as clients:
        http = await clients.enter_async_context(aiohttp.ClientSession())
        async with serving(database, sandbox_clock_scale=0.01) as service:
            service = replace(service, http=http)
            thread = await written_thread(Texting(service))
            stream = await clients.enter_async_context(conversation_stream(service, thread.id))
            await stream.raw_until(b"\n\n")
        goodbye = await stream.event()
        assert goodbye is not None
        assert goodbye.name == "error"
        assert set(json.loads(goodbye.data)) == {"error_code", "message"}
        assert json.loads(goodbye.data)["error_code"] == "UNAVAILABLE"
        assert await stream.event() is None
