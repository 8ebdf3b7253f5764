"""Orders to a call of a running server: taken over, handed back, ended; seen from outside."""

from typing import Any
from uuid import UUID

import pytest

from ringline.app import server as app
from ringline.domain.call_signals import Verdict
from ringline.domain.call_vocabulary import ParticipantRole
from ringline.domain.log import Environment, Scope
from ringline.services.calls import Calls
from tests.database import TestDatabase
from tests.house import end_call, hand_back, take_over
from tests.realtime_session import calls_of, talking
from tests.serving import Service, serving
from tests.watchers import EventsClient, Frame, events_client

BARGED = {"code": "barged", "member": "ann@example.com", "role": "operator"}
HANDED_BACK = {"code": "ai_resumed", "members": ["ann@example.com"]}


class Reached(Calls):
    """The calls of the last server that was started in this process."""

    last: Calls

    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        Reached.last = self


async def audited(watcher: EventsClient, code: str) -> list[Frame]:
    """Return the pushes up to an event of the audit trail."""
    seen = await watcher.until("call_ai_audit_event")
    audit = seen[-1][4]
    assert (audit["auditType"], audit["data"]["code"]) == ("handoff", code)
    return seen


def named(frames: list[Frame], name: str) -> list[dict[str, Any]]:
    return [frame[4] for frame in frames if frame[3] == name]


async def participants(database: TestDatabase, call_id: UUID) -> list[tuple[str, bool]]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT role, left_at IS NOT NULL AS gone FROM ringline.call_participants"
            " WHERE call_id = $1 ORDER BY role",
            call_id,
        )
    return [(row["role"], row["gone"]) for row in rows]


async def test_a_call_is_taken_over_handed_back_and_ended(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Calls", Reached)
    async with serving(database) as service:
        await steer(service, database, Reached.last)


async def steer(service: Service, database: TestDatabase, calls: Calls) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    elsewhere = Scope(service.keys.workspace_id, Environment.TEST)
    async with (
        events_client(service) as watcher,
        talking(service, {"agent_id": service.agent_id}) as client,
    ):
        await watcher.join(since="0")
        await client.until("audio.delta")  # the greeting plays
        call_id = (await calls_of(service, database))[0]["id"]
        assert await take_over(calls, elsewhere, call_id, "ann@example.com") is Verdict.NOT_HERE

        assert await take_over(calls, scope, call_id, "ann@example.com") is Verdict.DONE
        present = [("ai_agent", False), ("caller", False), ("operator", False)]
        assert await participants(database, call_id) == present
        await client.until("response.completed")
        taken = await audited(watcher, "barged")
        assert taken[-1][4]["data"] == BARGED
        assert taken[-2][4]["memberUuid"] == "ann@example.com"

        await client.send("text.input", text="what are your opening hours")
        await client.send("response.create")
        typed = await watcher.until("call_transcript_completed")
        assert [frame[4]["role"] for frame in typed] == ["user"]
        silent = len(client.events)
        assert await hand_back(calls, scope, call_id) is Verdict.DONE
        back = await audited(watcher, "ai_resumed")
        assert [frame[3] for frame in back[:-1]] == ["call_participant_left"]
        assert back[-1][4]["data"] == HANDED_BACK
        await client.until("response.completed")
        assert client.events[silent]["type"] == "response.started"

        supervisor = ParticipantRole.SUPERVISOR
        assert await take_over(calls, scope, call_id, "bob@example.com", supervisor) is Verdict.DONE
        assert await end_call(calls, scope, call_id)
        row = (await calls_of(service, database))[0]
        assert (row["status"], row["hangup_cause"]) == ("completed", "api_hangup")
        gone = [("ai_agent", True), ("caller", True), ("operator", True), ("supervisor", True)]
        assert await participants(database, call_id) == gone
        assert await client.closed() == 1000
        assert client.events[-1]["type"] == "session.terminating"
        assert client.events[-1]["error"]["code"] == "call_ended"
        end = await watcher.until("call_ended")
        left = [data["role"] for data in named(end, "call_participant_left")]
        assert left == ["caller", "ai_agent", "supervisor"]
        assert end[-1][4]["hangupCause"] == "api_hangup"
    assert not await end_call(calls, scope, call_id), "it is a record now"
