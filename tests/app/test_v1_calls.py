"""Calls and their transcripts under `/v1` (live streams, 6.3)."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringline.domain import v1_limits
from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    TurnRole,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.records import CallRow
from ringline.rest.call_record_members import STATUSES
from ringline.wire.call_status import DISPOSITIONS, v1_status
from ringline.wire.times import seconds
from tests.call_rows import an_ended_call, in_state, live, set_recorded, store, turns_of
from tests.callers import calling
from tests.database import NOW, TestDatabase, a_call, new_id
from tests.realtime_session import until
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.v1 import V1

CALLER, AGENT = TurnRole.CALLER, TurnRole.AGENT
INBOUND = {"direction": "inbound", "fromNumber": "+4930111", "toNumber": "+4930222"}


def id_of(call: CallRow) -> str:
    return format_id(Prefix.CALL, call.id)


async def listed(v1: V1, **query: str | int) -> list[str]:
    """Return the ids of all pages of a list."""
    found: list[str] = []
    while True:
        answer = await v1.get("/calls", **query)
        assert answer.status == 200, answer.body
        assert set(answer.body) <= {"calls", "next_page_token"}
        found += [call["call_id"] for call in answer.body["calls"]]
        token = answer.body.get("next_page_token")
        if token is None:
            return found
        query["page_token"] = token


# -- what a call looks like -----------------------------------------------------------------


async def test_a_session_while_it_runs_and_afterwards(service: Service) -> None:
    v1 = V1(service)
    async with calling(service) as caller:
        await caller.ask("Good morning.")
        (running,) = (await v1.get("/calls")).body["calls"]
        assert running["call_id"] == caller.call_id
        assert running["agent_id"] is None
        assert (running["status"], running["transport"]) == ("in_progress", "websocket")
        assert (running["direction"], running["ai_mode"]) == ("inbound", "local")
        assert running["to_number"].startswith("voice:local/")
        for name in ("ended_at", "duration_seconds", "disposition", "resolution", "classified_at"):
            assert running[name] is None, name
        so_far = (await v1.get(f"/calls/{caller.call_id}/transcript")).body
        assert so_far["call_id"] == caller.call_id
        assert "Good morning." in [turn["text"] for turn in so_far["turns"]]
    by_uuid = f"/calls/{caller.uuid}"

    async def has_ended() -> bool:
        return (await v1.get(by_uuid)).body["ended_at"] is not None

    await until(has_ended)
    ended = (await v1.get(by_uuid)).body
    assert (ended["status"], ended["disposition"]) == ("completed", "caller_hangup")
    assert ended["resolution"] == "resolved"
    assert ended["classified_at"] == ended["ended_at"]
    assert isinstance(ended["duration_seconds"], int)
    assert ended["recording_url"] is ended["campaign_id"] is ended["metadata"] is None
    transcript = (await v1.get(f"{by_uuid}/transcript")).body["turns"]
    assert ended.pop("transcript") == transcript
    said = [(turn["role"], turn["text"]) for turn in transcript]
    assert ("user", "Good morning.") in said
    assert said.index(("user", "Good morning.")) < len(said) - 1
    assert [turn["ts"] for turn in transcript] == sorted(turn["ts"] for turn in transcript)
    assert (await v1.get("/calls")).body["calls"] == [ended]
    assert await listed(V1(service, service.keys.test_key)) == []


async def test_a_session_that_nobody_answered_for_is_unresolved(service: Service) -> None:
    async with calling(service) as caller:
        pass

    async def resolution() -> Any:
        return (await V1(service).get(f"/calls/{caller.call_id}")).body["resolution"]

    await until(resolution)
    assert await resolution() == "unresolved"


async def test_a_call_that_lives_elsewhere(service: Service) -> None:
    rpc, v1 = Rpc(service), V1(service)
    made = {**INBOUND, "callUuid": "order 7", "status": "queued"}
    call = await rpc.run("create_call", input=made, fields=["id"])
    found = (await v1.get(f"/calls/{call['id']}")).body
    assert (found["status"], found["from_number"]) == ("ringing", "+4930111")
    assert (found["transport"], found["ai_mode"], found["agent_id"]) == ("sip", None, None)
    assert found["transcript"] == []
    update = {"identity": call["id"], "fields": ["id"]}
    await rpc.run("update_call", input={"status": "answered"}, **update)
    assert (await v1.get(f"/calls/{call['id']}")).body["status"] == "in_progress"
    await rpc.run("end_call", input={"callUuid": "order 7"})
    ended = (await v1.get(f"/calls/{call['id']}")).body
    assert (ended["status"], ended["disposition"]) == ("completed", "api_hangup")
    assert ended["resolution"] is ended["classified_at"] is None, "nobody knows what was said"


async def test_every_member_as_it_stands(service: Service, database: TestDatabase) -> None:
    started = NOW - timedelta(hours=1)
    call = an_ended_call(
        started,
        direction=CallDirection.OUTBOUND,
        from_number="+15550100",
        to_number="+15550101",
        transport=CallTransport.WEBRTC,
        agent_id=service.keys.agent_id,
        model="openai/gpt-realtime",
        metadata={"order": 7, "né": ["ü", None, 1.5]},
        resolved=False,
        cause=HangupCause.MAX_DURATION,
    )
    await store(database, live(service), [call])
    await set_recorded(database, call)
    found = (await V1(service).get(f"/calls/{id_of(call)}")).body
    assert found == {
        "call_id": id_of(call),
        "agent_id": service.agent_id,
        "status": "completed",
        "direction": "outbound",
        "from_number": "+15550100",
        "to_number": "+15550101",
        "started_at": seconds(started),
        "ended_at": seconds(started + timedelta(seconds=30)),
        "duration_seconds": 30,
        "disposition": "api_hangup",
        "ai_mode": "openai",
        "transport": "webrtc",
        "recording_url": found["recording_url"],
        "resolution": "unresolved",
        "classified_at": seconds(started + timedelta(seconds=30)),
        "metadata": {"order": 7, "né": ["ü", None, 1.5]},
        "campaign_id": None,
        "quality_mos": None,
        "mno_used": None,
        "transcript": [],
    }


async def test_a_recording_is_linked_as_long_as_it_is_kept(
    service: Service, database: TestDatabase
) -> None:
    now = datetime.now(UTC)
    ends = [now - timedelta(days=30, minutes=-5), now - timedelta(days=30, minutes=5)]
    calls = [an_ended_call(end - timedelta(seconds=30)) for end in ends]
    await store(database, live(service), calls)
    for call in calls:
        await set_recorded(database, call)
    urls = [
        (await V1(service).get(f"/calls/{id_of(call)}")).body["recording_url"] for call in calls
    ]
    assert urls == [f"/v1/calls/{id_of(calls[0])}/recording", None]
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET retention_days = 29")
    found = (await V1(service).get(f"/calls/{id_of(calls[0])}")).body
    assert found["recording_url"] is None, "the workspace keeps it for less"


@pytest.mark.parametrize("cause", HangupCause)
async def test_every_cause_has_its_disposition(
    service: Service, database: TestDatabase, cause: HangupCause
) -> None:
    call = an_ended_call(NOW, cause=cause)
    await store(database, live(service), [call])
    found = (await V1(service).get(f"/calls/{id_of(call)}")).body
    assert found["disposition"] == DISPOSITIONS[cause]


@pytest.mark.parametrize("path", ["", "/transcript"])
@pytest.mark.parametrize("call_id", ["call_" + "0" * 22, str(new_id()), "order 7", "call_", "%00"])
async def test_calls_that_are_not_there(service: Service, path: str, call_id: str) -> None:
    answer = await V1(service).get(f"/calls/{call_id}{path}")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


# -- transcripts ----------------------------------------------------------------------------


async def test_turns_are_listed_as_they_were_said(service: Service, database: TestDatabase) -> None:
    call = an_ended_call(NOW)
    turns = turns_of(call, (AGENT, "Hello!"), (CALLER, "Hi."), (CALLER, ""), (AGENT, "I can help."))
    turns[2] = replace(turns[2], recognized=False)
    turns[3] = replace(turns[3], interrupted=True, spoken_text="I can")
    await store(database, live(service), [call, *reversed(turns)])
    answer = await V1(service).get(f"/calls/{id_of(call)}/transcript")
    shown = [{k: v for k, v in turn.items() if k != "ts"} for turn in answer.body["turns"]]
    ids = [format_id(Prefix.TURN, turn.turn_id) for turn in turns]
    assert shown == [
        {"turn_id": ids[0], "role": "agent", "text": "Hello!"},
        {"turn_id": ids[1], "role": "user", "text": "Hi."},
        {"turn_id": ids[2], "role": "user", "text": "", "recognized": False},
        {
            "turn_id": ids[3],
            "role": "agent",
            "text": "I can help.",
            "interrupted": True,
            "spoken_text": "I can",
        },
    ]
    assert answer.body["turns"][1]["ts"].endswith("Z")
    assert len(answer.body["turns"][1]["ts"]) == len("2026-11-20T09:15:00.000Z")


async def test_a_transcript_that_is_too_long(service: Service, database: TestDatabase) -> None:
    call, v1 = an_ended_call(NOW), V1(service)
    size = v1_limits.TRANSCRIPT_BYTES.most // 4 - len(CALLER)  # roles are texts too
    turns = turns_of(call, *[(CALLER, "x" * size)] * 4)
    await store(database, live(service), [call, *turns])
    whole = await v1.get(f"/calls/{id_of(call)}/transcript")
    assert [len(turn["text"]) for turn in whole.body["turns"]] == [size] * 4
    assert (await v1.get(f"/calls/{id_of(call)}")).body["transcript"] == whole.body["turns"]
    (more,) = turns_of(call, (AGENT, "y"))
    await store(database, live(service), [more])
    refused = await v1.get(f"/calls/{id_of(call)}/transcript")
    assert (refused.status, refused.code) == (400, "INVALID_ARGUMENT")
    assert "list_call_transcripts" in refused.message
    assert (await v1.get(f"/calls/{id_of(call)}")).body["transcript"] is None


# -- the list -------------------------------------------------------------------------------


async def test_every_state_has_its_word_and_is_found_by_it(
    service: Service, database: TestDatabase
) -> None:
    """The database's spelling of states, which the index holds, is the table's."""
    states = list(itertools.product(CallStatus, (False, True)))
    calls = [
        in_state(status, NOW + timedelta(seconds=number), answered=answered)
        for number, (status, answered) in enumerate(states)
    ]
    await store(database, live(service), calls)
    words = {
        id_of(call): v1_status(status, answered=answered)
        for call, (status, answered) in zip(calls, states, strict=True)
    }
    page = (await V1(service).get("/calls", page_size=100)).body["calls"]
    assert {call["call_id"]: call["status"] for call in page} == words
    newest_first = [id_of(call) for call in reversed(calls)]
    for word in STATUSES:
        found = await listed(V1(service), status=word)
        assert found == [id_ for id_ in newest_first if words[id_] == word], word


def some_calls(rng: random.Random, agents: list[Any]) -> list[CallRow]:
    """Return calls many of which began at the same moment."""
    return [
        replace(
            in_state(
                rng.choice(list(CallStatus)),
                NOW + timedelta(minutes=rng.randrange(8)),
                answered=rng.random() < 0.5,
            ),
            direction=rng.choice(list(CallDirection)),
            from_number=f"+1555010{rng.randrange(3)}",
            to_number=f"+1555020{rng.randrange(3)}",
            agent_id=rng.choice([None, *agents]),
        )
        for _ in range(120)
    ]


async def test_lists_agree_with_a_scan_whatever_is_asked(
    service: Service, database: TestDatabase
) -> None:
    rng = random.Random(7)
    made = {"name": "Other", "model": "local/attendant"}
    other = await Rpc(service).run("create_ai_agent", input=made, fields=["id"])
    agents = [service.keys.agent_id, type(service.keys.agent_id)(other["id"])]
    calls = some_calls(rng, agents)
    await store(database, live(service), calls)
    calls.sort(key=lambda call: (call.started_at, call.id), reverse=True)
    offers: dict[str, list[tuple[str, Any]]] = {
        "agent_id": [(str(id_), lambda c, id_=id_: c.agent_id == id_) for id_ in agents],
        "status": [
            (word, lambda c, word=word: v1_status(c.status, answered=bool(c.answered_at)) == word)
            for word in STATUSES
        ],
        "direction": [(word, lambda c, word=word: c.direction == word) for word in CallDirection],
        "from_number": [
            (number, lambda c, number=number: c.from_number == number)
            for number in ("+15550100", "+15550102", "+1")
        ],
        "to_number": [("+15550201", lambda c: c.to_number == "+15550201")],
        "started_after": [
            (seconds(at), lambda c, at=at: c.started_at >= at)
            for at in (NOW + timedelta(minutes=minute) for minute in (0, 3, 9))
        ],
        "started_before": [
            (seconds(at), lambda c, at=at: c.started_at < at)
            for at in (NOW + timedelta(minutes=minute) for minute in (0, 5, 9))
        ],
    }
    for _ in range(60):
        chosen = rng.sample(list(offers), rng.randrange(4))
        asked = {name: rng.choice(offers[name]) for name in chosen}
        wanted = [id_of(c) for c in calls if all(fits(c) for _, fits in asked.values())]
        query = {name: text for name, (text, _) in asked.items()}
        found = await listed(V1(service), page_size=rng.choice([1, 7, 20, 100]), **query)
        assert found == wanted, query


async def test_a_list_goes_on_where_it_was_whatever_begins_meanwhile(
    service: Service, database: TestDatabase
) -> None:
    calls = [an_ended_call(NOW + timedelta(seconds=number)) for number in range(4)]
    await store(database, live(service), calls)
    first = (await V1(service).get("/calls", page_size=2)).body
    await store(database, live(service), [a_call(started_at=NOW + timedelta(hours=1))])
    token = first["next_page_token"]
    second = (await V1(service).get("/calls", page_size=2, page_token=token)).body
    shown = [call["call_id"] for page in (first, second) for call in page["calls"]]
    assert shown == [id_of(call) for call in reversed(calls)]
    assert "next_page_token" not in second


async def test_no_call_belongs_to_a_campaign(service: Service, database: TestDatabase) -> None:
    await store(database, live(service), [an_ended_call(NOW)])
    assert await listed(V1(service), campaign_id="camp_1") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("agent_id", "x"),
        ("agent_id", "call_" + "0" * 22),
        ("status", "answered"),
        ("status", "Completed"),
        ("direction", "both"),
        ("started_after", "yesterday"),
        ("started_before", "2026-11-20T09:15:00"),
        ("started_after", "9" * 400),
        ("from_number", "+" * 256),
    ],
)
async def test_filters_that_are_refused(service: Service, name: str, text: str) -> None:
    answer = await V1(service).get("/calls", **{name: text})
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith(name)


# -- analytics ------------------------------------------------------------------------------


async def figures(v1: V1, **query: str | int) -> Any:
    answer = await v1.get("/analytics", **query)
    assert answer.status == 200, answer.body
    return answer.body


async def test_figures_without_any_calls(service: Service) -> None:
    for days in (7, 30, 90):
        found = await figures(V1(service), days=days)
        assert found["total_calls"] == 0
        assert [day["count"] for day in found["calls_per_day"]] == [0] * days
        assert (found["resolution_rate"], found["average_duration_seconds"]) == (0, 0)
        assert found["average_mos"] is None
    assert await figures(V1(service)) == await figures(V1(service), days=7)


async def test_figures_of_the_last_days(service: Service, database: TestDatabase) -> None:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    second = timedelta(seconds=1)
    calls = [
        an_ended_call(midnight, talk_s=10),
        an_ended_call(midnight - second, talk_s=20, resolved=False),
        an_ended_call(midnight - timedelta(days=6), answered=False, resolved=False),
        an_ended_call(midnight - timedelta(days=6), talk_s=61, resolved=None),
        an_ended_call(midnight - timedelta(days=6) - second, talk_s=1000),  # of 30 days
        in_state(CallStatus.ANSWERED, midnight, answered=True),
        in_state(CallStatus.RINGING, midnight, answered=False),
    ]
    await store(database, live(service), calls)
    week = await figures(V1(service), days=7)
    dates = [(midnight - timedelta(days=ago)).date().isoformat() for ago in range(6, -1, -1)]
    assert week == {
        "total_calls": 6,
        "calls_per_day": [
            {"date": date, "count": count}
            for date, count in zip(dates, [2, 0, 0, 0, 0, 1, 3], strict=True)
        ],
        "resolution_rate": 0.3333,
        "average_duration_seconds": 30.3,
        "average_mos": None,
    }
    month = await figures(V1(service), days=30)
    assert month["total_calls"] == 7
    assert len(month["calls_per_day"]) == 30
    assert month["calls_per_day"][-8]["count"] == 1
    assert month["resolution_rate"] == 0.5
    assert (await figures(V1(service, service.keys.test_key), days=30))["total_calls"] == 0


@pytest.mark.parametrize("days", ["0", "8", "-7", "365", "seven", "7.0", "07"])
async def test_other_days_are_refused(service: Service, days: str) -> None:
    answer = await V1(service).get("/analytics", days=days)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith("days")
