"""The examples in the reference of payloads are the frames that a server sends."""

import json
from collections.abc import AsyncIterator

import pytest

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.records import Entry
from tests.database import OTHER, TestDatabase, add_thread
from tests.payload_examples import (
    CALL,
    CONVERSATION,
    ENDED_ROW,
    EPOCH,
    ROW,
    STORED,
    WORKSPACE,
    in_conversation,
    in_envelope,
    in_list,
    in_transcript,
    on_socket,
)
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.watchers import conversation_stream, events_client, stream_client, transcript

DURABLE = [stored for stored in STORED if stored.event.data.durable]


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    """Give a server whose log holds the events of the page."""
    async with serving(database) as service:
        scope = Scope(service.keys.workspace_id, Environment.LIVE)
        async with database.stores(OTHER, claim=False) as stores:
            *before, last = [stored.event for stored in DURABLE if stored.event.call]
            others = tuple(stored.event for stored in DURABLE if not stored.event.call)
            entries = [
                Entry(scope, tuple(before), (ROW,), CALL),
                Entry(scope, (last,), (ENDED_ROW,), CALL),
                Entry(scope, others, (), None),
            ]
            await stores.log.commit(entries)
        async with database.connection() as superuser:  # a thread, for its events to be watched
            agent_id = service.keys.agent_id
            await add_thread(superuser, scope, agent_id, thread_id=CONVERSATION)
        yield service


async def test_every_surface_sends_the_examples(service: Service) -> None:
    """Only the workspace and the log's epoch are the server's own."""
    page = await Rpc(service).run("list_events", input={"after": "0"})
    epoch = page["position"].partition(":")[0]

    def shown(text: str) -> object:
        ours = {str(WORKSPACE): str(service.keys.workspace_id), EPOCH: epoch}
        for example, here in ours.items():
            text = text.replace(example, here)
        return json.loads(text)

    assert page["events"] == [shown(told) for told in map(in_list, STORED) if told]

    expected = [spelt for spelt in map(on_socket, DURABLE) if spelt]
    async with events_client(service) as client:
        await client.join(since="0")
        frames = [await client.push() for _ in expected]
    assert [(frame[3], frame[4]) for frame in frames] == [
        (name, shown(payload)) for name, payload in expected
    ]

    call_id = format_id(Prefix.CALL, CALL)
    async with stream_client(service, call_id, since="0") as stream:
        envelopes = await stream.rest()
    of_the_call = [stored for stored in DURABLE if stored.event.call is not None]
    assert envelopes == [shown(told) for told in map(in_envelope, of_the_call) if told]

    async with transcript(service, call_id, "?since=0") as turns:
        while await turns.event():
            pass
    told = "".join(filter(None, map(in_transcript, DURABLE)))
    assert turns.raw.decode().endswith("\n\n" + told.replace(EPOCH, epoch))

    thread, key = format_id(Prefix.CONVERSATION, CONVERSATION), service.keys.secret_key
    told = "".join(filter(None, map(in_conversation, DURABLE))).replace(EPOCH, epoch)
    async with conversation_stream(service, thread, "?since=0", key=key) as messages:
        raw = (await messages.raw_until(told[-20:].encode())).decode()
    assert raw.endswith("\n\n" + told)
