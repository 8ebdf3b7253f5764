"""Calls are held, resumed, transferred and sent digits: over REST and on the call WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ringline.app import server as app
from ringline.domain import leg
from ringline.domain.call_vocabulary import CallTransport
from ringline.domain.config_members import SessionConfig
from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.services.live_call import CallLimits, NewCall
from tests.action_runner import AnsweredLeg
from tests.app.test_live_orders import Reached
from tests.callers import LIMIT_S, calling
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.talking import call_row
from tests.v1 import V1
from tests.watchers import StreamClient, stream_client

NUMBER = "+2348000001234"


@pytest.fixture
async def service(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    """Give a server whose calls the test can reach."""
    monkeypatch.setattr(app, "Calls", Reached)
    async with serving(database) as service:
        yield service


@dataclass
class Line:
    """A call on a leg that can do everything, and the client that controls it."""

    call_id: str
    phone: AnsweredLeg
    v1: V1

    async def post(self, action: str, body: object = None) -> Any:
        answer = await self.v1.post(f"/calls/{self.call_id}/{action}", body)
        return answer.body if answer.status == 200 else (answer.status, answer.code)

    async def status(self) -> str:
        return (await self.v1.get(f"/calls/{self.call_id}")).body["status"]

    @property
    def done(self) -> list[leg.LegOrder]:
        """The orders to the line itself."""
        kinds = (leg.Hold, leg.Resume, leg.Transfer, leg.SendDigits, leg.HangUp)
        return [order for order in self.phone.news if isinstance(order, kinds)]


@asynccontextmanager
async def on_a_line(service: Service, **members: Any) -> AsyncIterator[Line]:
    """Begin a call on a leg of the tests, as if it came over a telephone line."""
    row = replace(call_row(), transport=CallTransport.SIP, from_number=NUMBER)
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    config = SessionConfig(model="local/attendant")
    line = AnsweredLeg()
    for name, value in members.items():
        setattr(line, name, value)
    live = Reached.last.start(NewCall(scope, row, config, "", CallLimits()), line)
    line_listener = live.listener
    async with asyncio.timeout(LIMIT_S):
        await line.answered.wait()
    try:
        yield Line(format_id(Prefix.CALL, row.id), line, V1(service))
    finally:
        line_listener.on_leg_signal(leg.Left())


async def command(stream: StreamClient, **members: Any) -> dict[str, Any]:
    """Send a command; return its answer, whatever events come before it."""
    await stream.socket.send(json.dumps(members))
    return await answer_on(stream)


async def answer_on(stream: StreamClient) -> dict[str, Any]:
    while not (frame := await stream.receive())["event_type"].startswith("command."):
        pass
    return frame


# -- over REST ------------------------------------------------------------------------


async def test_a_line_is_controlled_over_rest(service: Service) -> None:
    async with on_a_line(service) as line:
        assert await line.post("hold") == {"status": "held"}
        assert await line.status() == "held"
        assert await line.post("hold") == (500, "INTERNAL")
        assert await line.post("dtmf", {"digits": "12,#"}) == {"status": "sent"}
        assert await line.post("resume") == {"status": "resumed"}
        assert await line.status() == "in_progress"
        assert await line.post("resume") == (500, "INTERNAL")
        assert await line.post("transfer", {"destination": NUMBER}) == {"status": "transferring"}
        assert await line.status() == "completed"
        for action in ("hold", "resume"):
            assert await line.post(action) == (404, "NOT_FOUND")
        *control, hung_up = line.done
        assert control == [leg.Hold(), leg.SendDigits("12,#"), leg.Resume(), leg.Transfer(NUMBER)]
        assert isinstance(hung_up, leg.HangUp)
    found = (await line.v1.get(f"/calls/{line.call_id}")).body
    assert found["disposition"] == "transferred"


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("dtmf", {}),
        ("dtmf", {"digits": ""}),
        ("dtmf", {"digits": "12x"}),
        ("dtmf", {"digits": 12}),
        ("dtmf", None),
        ("transfer", {}),
        ("transfer", {"destination": "08030000000"}),
        ("transfer", {"destination": ["+2348000001234"]}),
    ],
)
async def test_bad_bodies_change_nothing(service: Service, action: str, body: object) -> None:
    async with on_a_line(service) as line:
        answer = await line.v1.post(f"/calls/{line.call_id}/{action}", body)
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
        assert answer.message.startswith(("digits must", "digits is", "destination"))
        assert "12x" not in answer.message
        assert line.done == []
        assert await line.status() == "in_progress"


async def test_what_a_leg_cannot_do_is_named(service: Service) -> None:
    bodies = {"dtmf": {"digits": "1"}, "transfer": {"destination": NUMBER}}
    v1 = V1(service)
    made = {"direction": "inbound", "fromNumber": "+1", "toNumber": "+2", "status": "answered"}
    elsewhere = await Rpc(service).run("create_call", input=made, fields=["id"])
    async with calling(service) as caller:
        for call_id, kind in ((caller.call_id, "websocket"), (elsewhere["id"], "external")):
            for action in ("hold", "resume", "transfer", "dtmf"):
                answer = await v1.post(f"/calls/{call_id}/{action}", bodies.get(action))
                assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
                assert answer.message == (
                    f"the call's leg cannot {action}: it is of the kind {kind}"
                )


# -- on the call WebSocket ------------------------------------------------------------


async def test_a_line_is_controlled_on_its_socket(service: Service) -> None:
    async with on_a_line(service) as line, stream_client(service, line.call_id) as stream:
        asked: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"action": "ping"}, {"action": "ping", "status": "pong"}),
            ({"action": "hold"}, {"action": "hold", "status": "held"}),
            ({"action": "dtmf", "digits": "1"}, {"action": "dtmf", "status": "sent"}),
            ({"action": "resume"}, {"action": "resume", "status": "resumed"}),
        ]
        for number, (members, payload) in enumerate(asked):
            answer = await command(stream, request_id=f"c-{number}", **members)
            assert answer.pop("timestamp").endswith("Z")
            assert answer == {
                "event_type": "command.result",
                "request_id": f"c-{number}",
                "payload": payload,
            }
        twice = await command(stream, action="resume", request_id="again")
        assert twice["event_type"] == "command.error"
        assert (twice["request_id"], twice["payload"]) == (
            "again",
            {"action": "resume", "error_code": "INTERNAL", "message": "the call is not held"},
        )
        assert (await command(stream, action="ping"))["request_id"] is None


async def test_events_of_control_are_told_on_the_socket(service: Service) -> None:
    async with on_a_line(service) as line, stream_client(service, line.call_id) as stream:
        for action in ("hold", "resume"):
            assert await line.post(action) != (404, "NOT_FOUND")
        assert await line.post("transfer", {"destination": NUMBER}) == {"status": "transferring"}
        events = await stream.rest()
        assert [event["event_type"] for event in events] == [
            "call.initiated",
            "call.held",
            "call.resumed",
            "call.transferred",
            "call.completed",
        ]
        assert events[3]["payload"] == {"call_id": line.call_id, "destination": NUMBER}
        assert events[4]["payload"]["disposition"] == "transferred"
        assert stream.closed == (1000, "")


@pytest.mark.parametrize(("action", "status"), [("hangup", "ending"), ("transfer", "transferring")])
async def test_the_command_that_ends_the_call_is_answered(
    service: Service, action: str, status: str
) -> None:
    async with on_a_line(service) as line, stream_client(service, line.call_id) as stream:
        await stream.socket.send(
            f'{{"action": "{action}", "request_id": "last", "destination": "{NUMBER}"}}'
        )
        frames = await stream.rest()
        (answer,) = [frame for frame in frames if frame["event_type"] == "command.result"]
        assert (answer["request_id"], answer["payload"]["status"]) == ("last", status)
        assert "call.completed" in [frame["event_type"] for frame in frames]
        assert stream.closed == (1000, "")


async def test_commands_are_carried_out_in_the_order_in_which_they_came(service: Service) -> None:
    async with on_a_line(service) as line, stream_client(service, line.call_id) as stream:
        sent = ["hold", "resume"] * 4
        for number, action in enumerate(sent):
            await stream.socket.send(f'{{"action": "{action}", "request_id": "{number}"}}')
        answers = [await answer_on(stream) for _ in sent]
        assert [answer["request_id"] for answer in answers] == [str(n) for n in range(8)]
        assert {answer["event_type"] for answer in answers} == {"command.result"}
        assert line.done == [leg.Hold(), leg.Resume()] * 4


async def test_more_than_twenty_commands_a_second_are_refused(service: Service) -> None:
    async with on_a_line(service) as line, stream_client(service, line.call_id) as stream:
        for number in range(40):
            await stream.socket.send(f'{{"action": "ping", "request_id": "{number}"}}')
        answers = [await answer_on(stream) for _ in range(40)]
        refused = [answer for answer in answers if answer["event_type"] == "command.error"]
        assert {answer["payload"]["error_code"] for answer in refused} == {"RATE_LIMITED"}
        assert 10 <= len(refused) <= 20
        assert {answer["request_id"] for answer in answers} == {str(n) for n in range(40)}
        await asyncio.sleep(0.1)
        assert (await command(stream, action="ping"))["event_type"] == "command.result"


async def test_a_token_may_only_watch(service: Service) -> None:
    token = await service.session_token()
    async with on_a_line(service) as line, stream_client(service, line.call_id, token) as stream:
        for action in ("hold", "resume", "hangup", "transfer", "dtmf"):
            answer = await command(
                stream, action=action, request_id="c", digits="1", destination=NUMBER
            )
            assert answer["event_type"] == "command.error"
            assert answer["payload"]["error_code"] == "PERMISSION_DENIED"
            assert answer["payload"]["action"] == action
        assert (await command(stream, action="ping"))["payload"]["status"] == "pong"
        assert line.done == []
        assert await line.status() == "in_progress"


async def test_a_leg_that_cannot_says_so_on_the_socket(service: Service) -> None:
    async with calling(service) as caller, stream_client(service, caller.call_id) as stream:
        answer = await command(stream, action="hold", request_id="c-1")
        assert answer["payload"] == {
            "action": "hold",
            "error_code": "INVALID_ARGUMENT",
            "message": "the call's leg cannot hold: it is of the kind websocket",
        }
        await caller.say("still here")
        assert (await stream.receive())["payload"]["text"] == "still here"


async def test_a_revoked_key_does_nothing_even_before_its_socket_is_closed(
    service: Service, database: TestDatabase
) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="new")
    async with on_a_line(service) as line, stream_client(service, line.call_id, text) as stream:
        assert (await command(stream, action="ping"))["payload"]["status"] == "pong"
        async with database.connection() as superuser:
            # Without the trigger, the server is not told that it must close what the key opened.
            await superuser.execute("SET session_replication_role = replica")
            await superuser.execute(
                "UPDATE ringline.keys SET revoked_at = now() WHERE id = $1", key.id
            )
        answer = await command(stream, action="hangup", request_id="c-1")
        assert (answer["request_id"], answer["payload"]["error_code"]) == ("c-1", "UNAUTHENTICATED")
        assert line.done == []
        assert await line.status() == "in_progress"
