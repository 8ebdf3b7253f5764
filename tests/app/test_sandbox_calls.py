"""Sandbox calls over `/v1`: placing, ending, what each surface shows, and every refusal."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from ringline.domain import v1_limits
from ringline.domain.call_window import ZONE
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.sandbox_script import ANSWER, SCRIPT, Speaks
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1, Answer
from tests.watchers import Transcript, events_client, stream_client, transcript

FROM, TO = "+2348000001234", "+2348031234567"
PARTIAL, WHOLE = (cue.act.text for cue in SCRIPT if isinstance(cue.act, Speaks))
#: So slow that nothing happens while a test looks.
SLOW = 60.0


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, sandbox_clock_scale=0.04) as service:
        yield service


@pytest.fixture
async def slow(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, sandbox_clock_scale=SLOW) as service:
        yield service


def of(service: Service) -> V1:
    return V1(service, service.keys.test_key)


async def an_agent(service: Service, name: str, **given: object) -> str:
    """Create an agent in the test environment; return its id."""
    rpc = Rpc(service, service.keys.test_key)
    asked = {"name": name, "model": "mock/echo", **given}
    return (await rpc.run("create_ai_agent", input=asked, fields=["id"]))["id"]


def asked(service: Service, **given: object) -> dict[str, object]:
    """Return the body that places a call; its agent is the one that greets."""
    agent_id = format_id(Prefix.AGENT, service.keys.test_agent_id)
    return {"agent_id": agent_id, "to_number": TO, "from_number": FROM, **given}


async def place(service: Service, **given: object) -> dict[str, Any]:
    answer = await of(service).post("/calls", asked(service, **given))
    assert answer.status == 200, answer.body
    return answer.body


CALL = [
    "id",
    "status",
    "direction",
    "fromNumber",
    "toNumber",
    "callSource",
    "endedAt",
    "hangupCause",
    "metadata",
]


async def stored(service: Service, call_id: str, key: str | None = None) -> Any:
    """Return a call as RPC shows it; None if it shows none."""
    uuid = parse_id(Prefix.CALL, call_id)
    rpc = Rpc(service, key or service.keys.test_key)
    found = await rpc.run("list_calls", fields=CALL, filter={"id": {"eq": str(uuid)}})
    return found[0] if found else None


async def finals_of(service: Service, call_id: str) -> list[dict[str, Any]]:
    """Return the final turns of a call once it has ended."""
    key = service.keys.test_key
    async with transcript(service, call_id, "?replay=1", key=key) as stream:
        return [frame async for frame in frames_of(stream) if frame["is_final"]]


async def frames_of(stream: Transcript) -> AsyncIterator[dict[str, Any]]:
    while (event := await stream.event()) is not None:
        yield json.loads(event.data)


# -- what a call is ---------------------------------------------------------------------------


async def test_a_placed_call_is_on_every_surface_with_one_id_per_event(service: Service) -> None:
    v1 = of(service)
    hook = await v1.endpoint("https://hooks.example.com/a")
    agent_id = await an_agent(service, "Ada")
    async with events_client(service, v1.key) as socket:
        await socket.join()
        call = await place(service, agent_id=agent_id, metadata={"order": "A-19"})
        async with (
            transcript(service, call["call_id"], key=v1.key) as stream,
            stream_client(service, call["call_id"], v1.key) as watching,
        ):
            frames = [frame async for frame in frames_of(stream)]
            envelopes = await watching.rest()
        pushes = await socket.until("call_ended")
    assert set(call) == {
        "call_id",
        "status",
        "direction",
        "from_number",
        "to_number",
        "started_at",
    }
    assert (call["status"], call["direction"]) == ("initiated", "outbound")
    assert (call["from_number"], call["to_number"]) == (FROM, TO)
    said = [(frame["role"], frame["text"], frame["is_final"]) for frame in frames]
    assert said == [
        ("user", PARTIAL, False),
        ("user", WHOLE, True),
        ("agent", ANSWER, False),
        ("agent", ANSWER, True),
    ]
    by_name = {envelope["event_type"]: envelope for envelope in envelopes}
    assert list(by_name) == [
        "call.initiated",
        "call.transcription",
        "call.agent_response",
        "call.completed",
    ]
    begun, over = by_name["call.initiated"]["payload"], by_name["call.completed"]["payload"]
    assert (begun["transport"], begun["direction"]) == ("sip", "outbound")
    assert {(one["number"], one["from"]) for one in envelopes} == {(FROM, TO)}
    assert (over["status"], over["disposition"]) == ("completed", "caller_hangup")
    assert over["recording_url"] is None
    assert over["metadata"] == {"order": "A-19"}
    assert [(turn["role"], turn["text"]) for turn in over["transcript"]] == [
        ("user", WHOLE),
        ("agent", ANSWER),
    ]
    names = [frame[3] for frame in pushes if frame[1] != "presence_state"]
    assert "incoming_call" not in names, "it is an outbound one"
    assert {"call_answered", "call_transcript_completed", "call_ended"} <= set(names)
    on_socket = {frame[4]["eventId"] for frame in pushes if "eventId" in frame[4]}
    assert {envelope["event_id"] for envelope in envelopes} <= on_socket
    owed = (await v1.get("/webhooks/deliveries", endpoint_id=hook["endpoint_id"])).body
    assert {row["event_id"] for row in owed["deliveries"]} >= on_socket


async def test_what_is_stored_of_it(service: Service) -> None:
    v1 = of(service)
    call = await place(service, metadata={"order": "A-19"})
    shown = await v1.get(f"/calls/{call['call_id']}")
    assert shown.status == 200, "at once"
    assert shown.body["metadata"] == {"order": "A-19"}
    assert (shown.body["transport"], shown.body["recording_url"]) == ("sip", None)
    for name in call.keys() - {"status"}:
        assert shown.body[name] == call[name]
    assert (await stored(service, call["call_id"]))["callSource"] == "sandbox"
    await finals_of(service, call["call_id"])
    row = await stored(service, call["call_id"])
    assert row["metadata"] == {"order": "A-19"}
    assert (row["status"], row["hangupCause"]) == ("completed", "caller_hangup")
    assert (row["direction"], row["fromNumber"], row["toNumber"]) == ("outbound", FROM, TO)
    rpc = Rpc(service, v1.key)
    members = await rpc.run(
        "list_call_participants",
        fields=["memberUuid", "role"],
        filter={"callId": {"eq": row["id"]}},
    )
    found = {(one["role"], one["memberUuid"]) for one in members}
    assert found == {("caller", TO), ("ai_agent", FROM)}


async def test_an_agent_that_greets_speaks_first(service: Service) -> None:
    announcement = "This call is a test."
    ada = await an_agent(service, "Ada", greeting="Hello.", preCallAnnouncement=announcement)
    call = await place(service, agent_id=ada)
    said = await finals_of(service, call["call_id"])
    assert [frame["text"] for frame in said] == [f"{announcement}\nHello.", WHOLE, ANSWER]


async def test_a_repeated_request_places_one_call(slow: Service) -> None:
    v1, body = of(slow), asked(slow)
    once = {"Idempotency-Key": "order A-19"}
    assert (await v1.ask("POST", "/calls", body, headers=once)).status == 400  # a space
    once = {"Idempotency-Key": "order-A-19"}
    both = await asyncio.gather(*(v1.ask("POST", "/calls", body, headers=once) for _ in range(2)))
    again = await v1.ask("POST", "/calls", body, headers=once)
    assert [answer.status for answer in (*both, again)] == [200] * 3
    assert again.headers["Idempotent-Replayed"] == "true"
    assert both[0].body == both[1].body == again.body
    other = await v1.ask("POST", "/calls", {**body, "to_number": FROM}, headers=once)
    assert (other.status, other.code) == (409, "IDEMPOTENCY_CONFLICT")
    listed = await v1.get("/calls")
    assert [call["call_id"] for call in listed.body["calls"]] == [again.body["call_id"]]


async def test_a_refused_request_leaves_its_key_free(slow: Service, database: TestDatabase) -> None:
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET tier = 'starter'")
    v1, body, once = of(slow), asked(slow), {"Idempotency-Key": "again"}
    calls = [await place(slow) for _ in range(v1_limits.CALLS_OF_STARTER.most)]
    assert (await v1.ask("POST", "/calls", body, headers=once)).code == "RATE_LIMITED"
    await v1.delete(f"/calls/{calls[0]['call_id']}")
    assert (await v1.ask("POST", "/calls", body, headers=once)).status == 200


# -- ending -----------------------------------------------------------------------------------


async def test_a_call_can_be_ended_once(slow: Service) -> None:
    v1 = of(slow)
    call = await place(slow)
    path = f"/calls/{call['call_id']}"
    answers = [await v1.delete(path) for _ in range(2)]
    assert [answer.status for answer in answers] == [204, 404]
    row = await stored(slow, call["call_id"])
    assert (row["status"], row["hangupCause"]) == ("completed", "api_hangup")
    uuid = parse_id(Prefix.CALL, (await place(slow))["call_id"])
    both = await asyncio.gather(*(v1.delete(f"/calls/{uuid}") for _ in range(2)))
    assert {answer.status for answer in both} <= {204, 404}
    assert 204 in {answer.status for answer in both}


async def test_an_external_call_is_ended_like_a_live_one(slow: Service) -> None:
    v1 = of(slow)
    created = await Rpc(slow, v1.key).run(
        "create_call",
        input={"direction": "inbound", "fromNumber": TO, "toNumber": FROM, "status": "ringing"},
        fields=["id"],
    )
    assert (await v1.delete(f"/calls/{created['id']}")).status == 204
    row = await stored(slow, created["id"])
    assert row["status"] == "completed"
    assert (await v1.delete(f"/calls/{created['id']}")).code == "NOT_FOUND"


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"agent_id": None},
        {"agent_id": "agt_1"},
        {"agent_id": 7},
        {"to_number": None},
        {"to_number": "08031234567"},
        {"to_number": "tel:+2348031234567"},
        {"to_number": " "},
        {"from_number": "+0"},
        {"from_number": 2348000001234},
        {"metadata": []},
        {"metadata": "x"},
        {"metadata": {"x": "y" * v1_limits.METADATA_BYTES.most}},
        {"metadata": {"x": "\0"}},
    ],
    ids=str,
)
async def test_bad_input(slow: Service, bad: dict[str, object]) -> None:
    answer = await of(slow).post("/calls", asked(slow, **bad))
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert next(iter(bad)) in answer.message or "U+0000" in answer.message


async def test_numbers_are_kept_in_e164(slow: Service) -> None:
    spoken = {"to_number": "+234 (0) 803-123-4567", "from_number": "+234 800 000 1234"}
    call = await place(slow, **spoken)
    assert (call["to_number"], call["from_number"]) == ("+2348031234567", "+2348000001234")
    found = (await of(slow).get(f"/calls/{call['call_id']}")).body
    assert (found["to_number"], found["from_number"]) == ("+2348031234567", "+2348000001234")


async def test_metadata_as_large_as_it_may_be(slow: Service) -> None:
    most = v1_limits.METADATA_BYTES.most
    metadata = {"x": "y" * (most - len('{"x":""}'))}
    call = await place(slow, metadata=metadata)
    assert (await stored(slow, call["call_id"]))["metadata"] == metadata
    assert (await place(slow, metadata=None))["status"] == "initiated"


async def test_agents_that_cannot_be_called(slow: Service) -> None:
    v1 = of(slow)
    for nobody in (f"agt_{'0' * 22}", slow.agent_id):  # the live environment's
        answer = await v1.post("/calls", asked(slow, agent_id=nobody))
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
    disabled = await an_agent(slow, "Off", enabled=False)
    answer = await v1.post("/calls", asked(slow, agent_id=disabled))
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")


async def test_an_agent_outside_of_its_call_window(slow: Service) -> None:
    """The window is the hour that begins two hours from now, so it is closed."""
    now = datetime.now(ZONE)
    opens, closes = (f"{(now.hour + hours) % 24:02}:00" for hours in (2, 3))
    closed = await an_agent(slow, "Off duty", callWindowStart=opens, callWindowEnd=closes)
    answer = await of(slow).post("/calls", asked(slow, agent_id=closed))
    assert (answer.status, answer.code) == (422, "CALL_WINDOW_RESTRICTED")
    early, late = (f"{(now.hour + hours) % 24:02}:00" for hours in (-1, 2))
    on_duty = await an_agent(slow, "On duty", callWindowStart=early, callWindowEnd=late)
    assert (await place(slow, agent_id=on_duty))["status"] == "initiated"


async def test_a_live_key_has_no_telephone_and_sees_no_test_call(slow: Service) -> None:
    live = V1(slow)
    answer = await live.post("/calls", asked(slow, agent_id=slow.agent_id))
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    call = await place(slow)
    assert await stored(slow, call["call_id"], live.key) is None
    assert (await live.delete(f"/calls/{call['call_id']}")).status == 404
    for path in ("transcript/stream", "stream"):
        url = f"{slow.base_url}/v1/calls/{call['call_id']}/{path}"
        headers = {**slow.bearer(), "Connection": "Upgrade", "Upgrade": "websocket"}
        async with slow.http.get(url, headers=headers) as watching:
            assert watching.status in (400, 404)
    assert (await stored(slow, call["call_id"]))["endedAt"] is None


async def test_a_workspace_with_too_many_calls(slow: Service, database: TestDatabase) -> None:
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET tier = 'starter'")
    most = v1_limits.CALLS_OF_STARTER.most
    calls = [await place(slow) for _ in range(most)]
    answer = await of(slow).post("/calls", asked(slow))
    assert (answer.status, answer.code) == (429, "RATE_LIMITED")
    assert int(answer.headers["retry-after"]) > 0
    await of(slow).delete(f"/calls/{calls[0]['call_id']}")
    await place(slow)


async def test_many_calls_at_once(service: Service) -> None:
    ada = await an_agent(service, "Ada")
    answers: list[Answer] = await asyncio.gather(
        *(of(service).post("/calls", asked(service, agent_id=ada)) for _ in range(30))
    )
    assert {answer.status for answer in answers} == {200}
    ids = {answer.body["call_id"] for answer in answers}
    assert len(ids) == 30
    for call_id in ids:
        assert [frame["text"] for frame in await finals_of(service, call_id)] == [WHOLE, ANSWER]
