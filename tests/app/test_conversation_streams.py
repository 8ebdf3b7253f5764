"""The live stream of a thread of messages (live streams, 2.4)."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.attendant import SETTINGS
from ringline.domain.conversations import AiMode
from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.messaging.providers import Providers
from ringline.ports import Transaction
from ringline.services.threads import Parties, find_or_open, lock_thread, set_mode
from tests.clock import HandClock
from tests.database import OTHER, TestDatabase, new_id
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.threads import OURS, SMS, THEIRS, Desk
from tests.watchers import conversation_stream


class Writer:
    """A contact who writes to a workspace's number, and who answers them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._thread = UUID(int=0)

    @property
    def id(self) -> str:
        return format_id(Prefix.CONVERSATION, self._thread)

    async def opens(self) -> None:
        """Open the thread; a person answers in it."""
        parties = Parties(await self._desk.agent(), SMS, our_number=OURS, remote_number=THEIRS)

        async def work(transaction: Transaction) -> None:
            thread = await find_or_open(transaction, parties, now=self._desk.clock(), new_id=new_id)
            self._thread = thread.id

        await self._desk.repo.write(self._desk.scope, work)
        await self.hands_over(AiMode.HUMAN)

    async def says(self, *texts: str) -> None:
        for text in texts:
            await self._desk.receive(text)

    async def hands_over(self, mode: AiMode) -> None:
        async def work(transaction: Transaction) -> None:
            thread = await lock_thread(transaction, self._thread)
            await set_mode(
                transaction,
                thread,
                mode=mode,
                actor_user_id=None,
                now=self._desk.clock(),
                new_id=new_id,
            )

        await self._desk.repo.write(self._desk.scope, work)


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, sandbox_clock_scale=0.01) as service:
        yield service


@pytest.fixture
async def writer(service: Service, database: TestDatabase) -> AsyncIterator[Writer]:
    """Give a writer to the number of the test environment, whose thread a person answers."""
    scope = Scope(service.keys.workspace_id, Environment.TEST)
    async with database.stores(OTHER, claim=False, now=lambda: datetime.now(UTC)) as stores:
        clock = HandClock(datetime.now(UTC))
        writer = Writer(Desk(stores, scope, clock=clock, providers=Providers()))
        await writer.opens()
        yield writer


async def status_of(
    service: Service, conversation_id: str, query: str = "", **headers: str
) -> tuple[int, str]:
    """Return the status of a refusal, and its code."""
    url = f"{service.base_url}/v1/conversations/{conversation_id}/stream{query}"
    async with service.http.get(url, headers=headers) as answer:
        body = await answer.json()
        assert body["request_id"] == answer.headers["X-Request-Id"]
        return answer.status, body["error_code"]


async def test_a_thread_from_the_agents_answer_to_a_person_and_its_close(
    service: Service, writer: Writer
) -> None:
    async with conversation_stream(service, writer.id) as stream:
        assert stream.answer.content_type == "text/event-stream"
        assert stream.answer.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.answer.headers["Access-Control-Allow-Origin"] == "*"
        opening = await stream.raw_until(b"\n\n")
        assert opening == f": ok\nid: {stream.decoder.last_event_id}\n\n".encode()
        await writer.hands_over(AiMode.AI)
        await writer.says("Good morning.")
        told = await stream.until("message.dlr")
        await writer.hands_over(AiMode.HUMAN)
        await writer.says("Is anybody there?")
        told += await stream.until("message.received")
        await writer.hands_over(AiMode.CLOSED)
        told += await stream.until("conversation.mode_changed")
        await writer.says("One more thing.")  # which reopens it: the stream is still open
        told += await stream.until("message.received")
    modes = [
        (frame["from_mode"], frame["to_mode"], frame["actor_user_id"])
        for frame in told
        if frame["event_type"] == "conversation.mode_changed"
    ]
    assert modes == [
        ("human", "ai", None),
        ("ai", "human", None),
        ("human", "closed", None),
        ("closed", "ai", None),
    ]
    texts = [
        (frame["direction"], frame["text"])
        for frame in told
        if frame["event_type"] in ("message.received", "message.sent")
    ]
    assert texts == [
        ("inbound", "Good morning."),
        ("outbound", SETTINGS.replies["fallback"]),
        ("inbound", "Is anybody there?"),
        ("inbound", "One more thing."),
    ]
    assert {frame["conversation_id"] for frame in told} == {writer.id}
    assert await ids_of_the_log(service, told) == [frame["event_id"] for frame in told]


async def ids_of_the_log(service: Service, told: list[dict[str, Any]]) -> list[str]:
    """Return the ids of the log's events between the first and the last that was told."""
    page = await Rpc(service, service.keys.test_key).run("list_events", input={"after": "0"})
    types = {frame["event_type"] for frame in told}
    ids = [event["eventId"] for event in page["events"] if event["type"] in types]
    first, last = (ids.index(told[place]["event_id"]) for place in (0, -1))
    return ids[first : last + 1]


async def test_other_threads_and_environments_are_not_heard(
    service: Service, writer: Writer, database: TestDatabase
) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    async with database.stores(OTHER, claim=False) as stores:
        clock = HandClock(datetime.now(UTC))
        other = Writer(Desk(stores, scope, clock=clock, providers=Providers()))
        await other.opens()
        live = service.keys.secret_key
        async with (
            conversation_stream(service, writer.id) as stream,
            conversation_stream(service, other.id, key=live) as of_other,
        ):
            await other.says("one")
            await writer.says("two")
            assert (await stream.frame())["text"] == "two"
            assert (await of_other.frame())["text"] == "one"


async def test_it_resumes_by_every_means(service: Service, writer: Writer) -> None:
    async with conversation_stream(service, writer.id) as stream:
        await stream.raw_until(b"\n\n")
        start = stream.decoder.last_event_id
        await writer.says("one", "two", "three")
        first = await stream.event()
        assert first is not None
        second = await stream.frame()

    async def resumed(query: str, last: str | None = None) -> str:
        headers = {} if last is None else {"Last-Event-ID": last}
        async with conversation_stream(service, writer.id, query, headers) as again:
            return (await again.until("message.received"))[-1]["text"]

    assert await resumed("", last=start) == "one"
    assert await resumed("", last=first.last_event_id) == "two"
    assert await resumed(f"?since={first.last_event_id}") == "two"
    assert await resumed(f"?since={second['event_id']}") == "three"
    assert await resumed("?since=0") == "one"
    assert await resumed("?since=0", last=first.last_event_id) == "two", "the header wins"


@pytest.mark.parametrize("since", ["nonsense", "zzzzzzzz:1", "evt_0000000000000000000000"])
async def test_what_cannot_be_resumed_is_said(service: Service, writer: Writer, since: str) -> None:
    async with conversation_stream(service, writer.id, f"?since={since}") as stream:
        assert (await stream.raw_until(b"recovered\n\n")).endswith(b"\n\n: not recovered\n\n")
        await writer.says("hello")
        assert (await stream.frame())["text"] == "hello"


async def test_the_credential_is_in_a_header(service: Service, writer: Writer) -> None:
    test_key = service.keys.test_key
    token = await service.session_token(test_key)
    nobody = (401, "UNAUTHENTICATED")
    for credential in (test_key, token):
        assert await status_of(service, writer.id, f"?token={credential}") == nobody
        async with conversation_stream(service, writer.id, "?token=x", key=credential) as stream:
            await stream.raw_until(b"\n\n")
    async with conversation_stream(service, writer.id, headers={"x-api-key": test_key}):
        pass
    assert await status_of(service, writer.id) == nobody
    for wrong in (service.keys.publishable_key, service.keys.management_key):
        refused = await status_of(service, writer.id, **service.bearer(wrong))
        assert refused == (403, "PERMISSION_DENIED")


async def test_what_is_no_thread_of_ours_is_unknown(service: Service, writer: Writer) -> None:
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
        refused = await status_of(service, writer.id, **service.bearer(key))
        assert refused == (404, "NOT_FOUND")


async def test_a_revoked_key_ends_what_it_opened(service: Service, writer: Writer) -> None:
    scope = Scope(service.keys.workspace_id, Environment.TEST)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="short")
    token = await service.session_token(text)
    async with (
        conversation_stream(service, writer.id, key=text) as by_key,
        conversation_stream(service, writer.id, key=token) as by_token,
        conversation_stream(service, writer.id) as other,
    ):
        await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
        for stream in (by_key, by_token):
            last = await stream.event()
            assert last is not None
            assert last.name == "error"
            assert json.loads(last.data)["error_code"] == "UNAUTHENTICATED"
            assert await stream.event() is None
        await writer.says("still here")
        assert (await other.frame())["text"] == "still here"
