"""A session from `session.start` to its close, without sound (realtime voice, 2.3, 5, 6)."""

import asyncio
import base64
from typing import Any

import pytest

from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.web.limits import RealtimeLimits, WebLimits
from tests.database import TestDatabase
from tests.realtime_session import (
    BARE,
    MODEL,
    PATH,
    Client,
    calls_of,
    connected,
    opened,
    talking,
    until,
)
from tests.serving import Service, serving


@pytest.fixture
async def calls(service: Service, database: TestDatabase) -> Any:
    """Give a function that waits until so many calls have ended, and returns all."""

    async def ended(count: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []

        async def all_ended() -> bool:
            nonlocal rows
            rows = await calls_of(service, database)
            return sum(row["ended_at"] is not None for row in rows) >= count

        await until(all_ended)
        return rows

    return ended


async def refused_start(client: Client) -> tuple[str, int | None]:
    """Return the code that a session was refused with, and the close's."""
    code = await client.closed()
    assert [event["type"] for event in client.events] == ["session.terminating"]
    error = client.events[0]["error"]
    assert error["message"]
    return error["code"], code


async def test_a_started_session_says_what_clients_need(service: Service, calls: Any) -> None:
    minted = await service.mint()
    async with connected(service, minted["client_secret"]) as client:
        started = await client.start()
        assert client.events == [started]  # O2: nothing came before
        await client.socket.close()
    call = (await calls(1))[0]
    assert started == {
        "type": "session.started",
        "session_id": minted["id"],
        "call_id": format_id(Prefix.CALL, call["id"]),
        "call_uuid": str(call["id"]),
        "input_sample_rate": 16_000,
        "output_sample_rate": 16_000,
        "sample_rate": 16_000,
        "audio_format": "pcm16",
    }
    assert parse_id(Prefix.SESSION, minted["id"]) == call["id"]
    # Contract, 5: how the call of a ticket looks.
    assert call["direction"] == "inbound"
    assert call["from_number"] == "web:anonymous"
    assert call["to_number"] == f"agent:{service.agent_id}"
    assert (call["status"], call["hangup_cause"]) == ("completed", "caller_hangup")


async def test_unknown_members_of_a_config_are_warned_of(service: Service) -> None:
    body = {"config": {"model": MODEL, "instruction": "be kind"}}
    async with opened(service, body) as client:
        started = await client.start(config={"of_tomorrow": {"a": 1}})
        assert started["warnings"] == [
            'config has no member "instruction"; did you mean "instructions"?',
            'config has no member "of_tomorrow"',
        ]


async def test_a_bearer_session_names_its_model_and_agent_itself(
    service: Service, calls: Any
) -> None:
    starts: list[tuple[dict[str, Any], str]] = [
        ({"config": {"model": MODEL}}, f"voice:{MODEL}"),
        ({"agent_id": service.agent_id}, f"agent:{service.agent_id}"),
        ({"agent_id": str(service.keys.agent_id), "config": {}}, f"agent:{service.agent_id}"),
    ]
    for members, _ in starts:
        async with connected(service, headers=service.bearer()) as client:
            await client.start(**members)
            await client.socket.close()
    rows = await calls(len(starts))
    assert [row["to_number"] for row in rows] == [callee for _, callee in starts]


async def test_what_a_session_cannot_start_with(service: Service, calls: Any) -> None:
    starts: list[tuple[dict[str, Any], str]] = [
        ({}, "model_required"),
        ({"config": {"model": "nobody/knows"}}, "model_not_found"),
        ({"config": "none"}, "invalid_config"),
        ({"config": {"model": MODEL, "voice": "nobody"}}, "unsupported_voice"),
        ({"config": {"model": MODEL, "modalities": ["video"]}}, "unsupported_modality"),
        ({"config": {"model": MODEL, "reasoning_effort": "high"}}, "unsupported_reasoning_effort"),
        (
            {"config": {"model": MODEL, "turn_detection": {"type": "semantic_vad"}}},
            "unsupported_turn_detection",
        ),
        (
            {"config": {"model": MODEL, "input_audio_format": "g711_ulaw"}},
            "unsupported_audio_format",
        ),
        ({"config": {"model": MODEL, "input_transcription": "yes"}}, "invalid_config"),
        ({"agent_id": "agt_nobody"}, "agent_not_found"),
        ({"agent_id": format_id(Prefix.AGENT, service.keys.workspace_id)}, "agent_not_found"),
        ({"agent_id": 5}, "invalid_config"),
    ]
    for members, code in starts:
        async with connected(service, headers=service.bearer()) as client:
            await client.send("session.start", **members)
            assert await refused_start(client) == (code, 1008), members
    headers = service.bearer(service.keys.test_key)
    async with connected(service, headers=headers) as client:  # another environment's agent
        await client.send("session.start", agent_id=service.agent_id)
        assert await refused_start(client) == ("agent_not_found", 1008)
    assert await calls(0) == []  # a refused start leaves no call


async def test_the_first_frame_must_be_a_start(service: Service, calls: Any) -> None:
    for first in ("garbage", "[]", '{"type": "response.create"}', '{"type": "nothing.known"}', ""):
        async with opened(service, BARE) as client:
            await client.socket.send_str(first)
            assert await refused_start(client) == ("session_not_started", 1008), first
    async with opened(service, BARE) as client:
        await client.socket.send_bytes(b'{"type": "session.start"}')
        assert await refused_start(client) == ("session_not_started", 1008)
    assert await calls(0) == []


async def test_who_says_nothing_is_let_go(database: TestDatabase) -> None:
    hasty = WebLimits(realtime=RealtimeLimits(start_s=0.05))
    async with serving(database, limits=hasty) as service:
        async with opened(service, BARE) as client:
            assert await refused_start(client) == ("start_timeout", 1008)
        assert await calls_of(service, database) == []


async def test_a_client_that_leaves_before_its_start_leaves_no_call(
    service: Service, calls: Any
) -> None:
    minted = await service.mint(BARE)
    async with connected(service, minted["client_secret"]):
        pass
    async with talking(service) as client:
        await client.socket.close()
    rows = await calls(1)
    assert len(rows) == 1
    assert (rows[0]["status"], rows[0]["hangup_cause"]) == ("completed", "caller_hangup")


async def test_a_connection_that_breaks_ends_its_call(service: Service, calls: Any) -> None:
    async with talking(service) as client:
        transport = client.socket._response.connection.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()
        rows = await calls(1)
    assert (rows[0]["status"], rows[0]["hangup_cause"]) == ("completed", "caller_hangup")


async def test_text_and_a_request_make_one_response(service: Service) -> None:
    async with talking(service) as client:
        await client.send("text.input", text="Is anybody there?")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.kinds()[:2] == ["session.started", "response.started"]
        assert client.text() == "I did not get that."
        # One more pair: what is answered once is not answered again.
        await client.send("text.input", text="Hello?")
        await client.send("response.create")
        await client.until("response.completed")
        kinds = [event["type"] for event in client.events]
        assert kinds.count("response.started") == kinds.count("response.completed") == 2
        assert "error" not in kinds
        assert len(client.pcm()) > 16_000  # K4 is checked there
        assert {event["type"] for event in client.events} == {
            "session.started",
            "response.started",
            "text.delta",
            "audio.delta",
            "response.completed",
        }


async def test_what_is_sent_before_the_session_has_started_waits(service: Service) -> None:
    """Audio is held, and so is what is typed; nothing is refused (5.1; contract, 11)."""
    async with opened(service, BARE) as client:
        await client.send("session.start", config={"output_transcription": True})
        await client.hear(bytes(3200))
        await client.send("text.input", text="Hello?")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.kinds()[:2] == ["session.started", "response.started"]
        assert [event["type"] for event in client.events].count("response.started") == 1
        assert "error" not in client.kinds()
        await client.socket.close()


async def test_captions_are_shown_only_where_they_are_asked_for(service: Service) -> None:
    async with opened(service, BARE) as client:
        await client.start()
        await client.send("text.input", text="Hello?")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.kinds() == [
            "session.started",
            "response.started",
            "audio.delta",
            "response.completed",
        ]


async def said(service: Service, body: dict[str, Any], **config: Any) -> str:
    """Return the first caption of a response, if a session with this config has one."""
    async with opened(service, body) as client:
        await client.start(config=config)
        await client.send("response.create")
        kind = ""
        while kind not in ("text.delta", "response.completed"):
            event = await client.next()
            assert event is not None
            kind = event["type"]
        assert "error" not in client.kinds()
        return client.text()


async def test_what_a_ticket_binds_wins_silently(service: Service) -> None:
    bound: dict[str, Any] = {"config": {"model": MODEL, "output_transcription": True}}
    assert await said(service, bound, model="nobody/knows", output_transcription=False)  # B1, B8
    assert await said(service, bound, **bound["config"])  # B7
    locked = {"config": {"model": MODEL}, "locked_fields": ["output_transcription", "model"] * 2}
    assert not await said(service, locked, output_transcription=True)  # B2, B6, B12
    bare = {"locked_fields": ["output_transcription"]}
    assert not await said(service, bare, model=MODEL, output_transcription=True)  # B3
    assert await said(service, BARE, output_transcription=True, of_tomorrow={"a": 1})  # B9
    # B10: the whole member is the ticket's, so the client's bad voice activity is none.
    detection = {"config": {"model": MODEL, "turn_detection": {"type": "none"}}}
    assert not await said(service, detection, turn_detection={"type": "nothing"})


async def test_a_tickets_agent_binds_and_greets(service: Service) -> None:
    async with opened(service) as client:
        await client.start(
            agent_id="agt_ignored", config={"model": "nobody/knows", "output_transcription": True}
        )
        while len(client.text()) < len("Hello, this is Ringline."):
            await client.until("text.delta")
        assert client.text().startswith("Hello, this is Ringline.")


async def test_a_response_is_cancelled(service: Service) -> None:
    async with talking(service) as client:
        await client.send("response.cancel")
        error = (await client.until("error"))["error"]
        assert error["code"] == "response_cancel_not_active"
        assert "cancel" in error["message"]
        await client.send("response.create")
        await client.until("audio.delta")
        await client.send("response.create")
        error = (await client.until("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
        assert "active response" in error["message"]
        await client.send("response.cancel")
        await client.until("response.completed")  # K9
        await client.send("unknown")
        await client.until("error")
        after = [event["type"] for event in client.events]
        after = after[after.index("response.completed") :]
        assert "audio.delta" not in after
        assert "text.delta" not in after


async def test_bad_frames_are_told_and_survived(service: Service) -> None:
    cases: list[tuple[str, str, str]] = [
        ("garbage", "invalid_json", ""),
        ("[]", "invalid_event", ""),
        ("{}", "invalid_event", "type"),
        ('{"type": 7}', "invalid_event", "type"),
        ('{"type": "text.input", "text": "\\u0000"}', "invalid_json", "U+0000"),
        ('{"type": "text.input"}', "invalid_event", "text"),
        ('{"type": "text.input", "text": ""}', "invalid_event", "text"),
        ('{"type": "audio.append", "audio": 5}', "invalid_event", "audio"),
        ('{"type": "audio.append", "audio": "&&&&"}', "invalid_audio", ""),
        ('{"type": "audio.append", "audio": "AAA"}', "invalid_audio", ""),
        ('{"type": "session.start", "config": {}}', "session_already_started", ""),
        ('{"type": "session.end"}', "unknown_event", "unknown event"),
        ('{"type": "session.update", "config": {"voice": "x"}}', "unsupported_voice", "x"),
        (
            '{"type": "tool.result", "tool_call_id": "?", "tool_result": 1}',
            "tool_call_not_found",
            "tool call id",
        ),
        (
            '{"type": "image.input", "image_url": "data:image/png;base64,AAAA"}',
            "image_input_unsupported",
            "image input",
        ),
        ('{"type": "response.cancel"}', "response_cancel_not_active", "cancel"),
        ("[" * 10_000, "invalid_event", ""),
        ("[" * 100_000, "invalid_json", "too many"),
        ('{"type": "x", "x": ' + "[" * 90_000 + "]" * 90_000 + "}", "invalid_json", ""),
    ]
    async with talking(service) as client:
        for frame, code, part in cases:
            await client.socket.send_str(frame)
            error = (await client.until("error"))["error"]
            assert error["code"] == code, (frame[:80], error)
            assert part in error["message"]
        for audio in ("", "AA==", "AAAA", "AA=="):  # none, and odd byte counts
            await client.send("audio.append", audio=audio)
        too_long = base64.b64encode(bytes(2 * 16_000 * 11)).decode()
        await client.send("audio.append", audio=too_long)
        assert (await client.until("error"))["error"]["code"] == "invalid_audio"
        await client.send("text.input", text="Hello?")
        await client.send("response.create")
        await client.until("response.completed")
        assert [event["type"] for event in client.events].count("error") == len(cases) + 1


async def test_binary_frames_are_survived_twice(service: Service, calls: Any) -> None:
    async with talking(service) as client:
        for _ in range(2):
            await client.socket.send_bytes(b"\x00\x01")
            assert (await client.until("error"))["error"]["code"] == "binary_not_supported"
        await client.socket.send_bytes(b"\x00\x01")
        assert await client.closed() == 1003
        assert client.events[-1]["type"] == "session.terminating"
        assert client.events[-1]["error"]["code"] == "binary_not_supported"
    assert (await calls(1))[0]["status"] == "failed"


async def test_control_events_are_limited_and_audio_is_not(database: TestDatabase) -> None:
    async with (
        serving(database, rate_session_events_per_10_s=5) as service,
        talking(service) as client,
    ):
        for _ in range(50):
            await client.hear(bytes(320))
        for number in range(7):
            await client.send("response.cancel")
            code = (await client.until("error"))["error"]["code"]
            expected = "response_cancel_not_active" if number < 5 else "rate_limited"
            assert code == expected


async def test_audio_that_arrives_too_fast_is_refused(service: Service) -> None:
    async with talking(service) as client:
        piece = bytes(2 * 16_000 * 8)
        for _ in range(2):
            await client.hear(piece)
        await client.hear(piece)  # 24 s at once: more than twice real time over 10 s
        assert (await client.until("error"))["error"]["code"] == "invalid_audio"


async def test_the_agents_goodbye_ends_the_call(service: Service, calls: Any) -> None:
    async with opened(service) as client:
        await client.start(config={"output_transcription": True})
        await client.until("audio.delta")
        await client.send("response.cancel")
        await client.until("response.completed")
        await client.send("text.input", text="Thank you, goodbye!")
        await client.send("response.create")
        assert await client.closed() == 1000
        assert client.kinds()[-2:] == ["response.completed", "session.terminating"]  # O10
        assert client.events[-1]["error"]["code"] == "call_ended"
        assert client.events[-1]["error"]["message"]  # K8
        assert client.text().endswith("Goodbye.")
    row = (await calls(1))[0]
    assert (row["status"], row["hangup_cause"]) == ("completed", "agent_hangup")


async def test_a_stopping_server_says_so(database: TestDatabase) -> None:
    ends: list[tuple[str, int | None]] = []

    async def follow(client: Client) -> None:
        code = await client.closed()
        ends.append((client.events[-1]["error"]["code"], code))

    async with serving(database) as service:
        http = service.http
        waiting = http.ws_connect(service.ws_url + PATH, headers=service.bearer())
        first = Client(await waiting)
        ticket = (await service.mint(BARE))["client_secret"]
        second = Client(await http.ws_connect(service.ws_url + f"{PATH}?ticket={ticket}"))
        await second.start()
        following = [asyncio.create_task(follow(client)) for client in (first, second)]
        service.http.detach()
    await asyncio.gather(*following)
    assert ends == [("server_shutdown", 1001)] * 2


async def test_a_defect_ends_the_session_and_no_other(
    service: Service, monkeypatch: pytest.MonkeyPatch, calls: Any
) -> None:
    async with talking(service) as other, talking(service) as client:

        def broken(*_: object) -> None:
            raise ValueError("a defect")

        monkeypatch.setattr("ringline.wire.realtime.decode", broken)
        await client.send("response.create")
        assert await client.closed() == 1011
        monkeypatch.undo()
        await other.send("response.create")
        await other.until("response.completed")
    assert len(await calls(2)) == 2
