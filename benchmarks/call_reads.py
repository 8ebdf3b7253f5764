"""What the console's pages ask for, of a workspace of many calls.

The bodies are those of `console/src/data` and of the filter in `console/src/pages/calls`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from ringline.domain.log import Environment

#: What one call of all has: its number, and how it ended and how long it was.
RARE_NUMBER, RARE_STATUS, RARE_CAUSE, RARE_S = "+4915100000001", "busy", "busy", 4_000
COMMON_NUMBER = "+2348000000123"
#: So many calls, the newest, are not over.
OPEN = 100

_CALL_FIELDS = [
    *("id", "callUuid", "status", "direction", "fromNumber", "toNumber", "model", "aiAgentId"),
    *("conversationId", "hangupCause", "startedAt", "answeredAt", "endedAt", "durationSeconds"),
    {
        "aiAgent": ["name"],
        "contact": ["fullName"],
        "participants": ["memberUuid", "role", "joinedAt", "leftAt"],
    },
]
_OPENED: Mapping[str, object] = {"endedAt": {"isNil": True}}
_IN_SCOPE = "workspace_id = $1 AND environment = $2"


@dataclass(frozen=True, slots=True)
class Read:
    """A request of a page. `index` is what finds rare calls; others are found in any way."""

    page: str
    what: str
    asked: Mapping[str, Any]
    resource: str = "Call"
    index: str = ""


async def make_rare(connection: asyncpg.Connection[Any], workspace_id: UUID) -> None:
    """Let one call be unlike all others, and the newest ones be under way."""
    scope = workspace_id, Environment.LIVE.value
    await connection.execute(
        "UPDATE ringline.calls SET from_number = $3, status = $4, hangup_cause = $5,"
        f" duration_seconds = $6 WHERE {_IN_SCOPE} AND id = (SELECT id FROM ringline.calls"
        f" WHERE {_IN_SCOPE} ORDER BY started_at LIMIT 1)",
        *scope,
        RARE_NUMBER,
        RARE_STATUS,
        RARE_CAUSE,
        RARE_S,
    )
    await connection.execute(
        "UPDATE ringline.calls SET ended_at = NULL, hangup_cause = NULL, duration_seconds = NULL,"
        f" status = 'answered' WHERE {_IN_SCOPE} AND id IN (SELECT id FROM ringline.calls"
        f" WHERE {_IN_SCOPE} ORDER BY started_at DESC LIMIT {OPEN})",
        *scope,
    )
    await connection.execute("VACUUM (ANALYZE) ringline.calls")


def reads(newest: Mapping[str, str], after: str) -> list[Read]:
    """Return the requests; `after` is the cursor of the first page of calls."""
    today = {"startedAt": {"greaterThanOrEqual": f"{newest['startedAt'][:10]}T00:00:00Z"}}
    answered = {**today, "answeredAt": {"isNil": False}}
    ended: Mapping[str, object] = {"endedAt": {"isNil": False}}
    said = {"call": _OPENED, "occurredAt": {"greaterThanOrEqual": newest["startedAt"]}}
    by_end = "--endedAt"
    return [
        Read("Board", "open calls", _calls(_OPENED, limit=250)),
        Read("Board", "calls just ended", _calls(ended, sort=by_end, limit=5)),
        Read("Board", "turns of open calls", _turns(said), "CallTranscript"),
        Read("Board", "today's calls, counted", _count(today)),
        Read("Board", "those of them that were answered, counted", _count(answered)),
        Read("Calls", "first page", _calls({})),
        Read("Calls", "second page", _calls({}, after=after)),
        Read("Calls", "first page by their ends", _calls({}, sort=by_end)),
        *(
            Read("Calls", what, _calls(asked), index=index)
            for what, asked, index in _filters(newest)
        ),
        Read("Calls", "by their ends: a rare status", _calls(_status(RARE_STATUS), sort=by_end)),
        Read("Calls", "by their ends: a rare number", _calls(_number(RARE_NUMBER), sort=by_end)),
        Read(
            "Call", "by its `callUuid`", _calls({"callUuid": {"eq": newest["callUuid"]}}, limit=1)
        ),
    ]


def _filters(newest: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any], str]]:
    """Return the filters that the page offers, and the index that a rare value is found by."""
    began, ended = "2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"
    week = {"startedAt": {"greaterThanOrEqual": began, "lessThan": ended}}
    agent = {"aiAgentId": {"eq": newest["aiAgentId"]}}
    return [
        ("open", _OPENED, ""),
        ("status `completed`", _status("completed"), ""),
        ("a rare status", _status(RARE_STATUS), "calls_of_status_idx"),
        ("outbound", {"direction": {"eq": "outbound"}}, ""),
        ("of an agent", agent, ""),
        ("of no agent", {"aiAgentId": {"isNil": True}}, ""),
        ("a number", _number(COMMON_NUMBER), ""),
        ("a rare number", _number(RARE_NUMBER), "calls_of_from_number_idx"),
        ("a number that never called", _number("+4915100000009"), "calls_of_from_number_idx"),
        ("a part of a number", _number("0000123", "contains"), ""),
        ("a part that no number has", _number("777777777", "contains"), ""),
        ("cause `caller_hangup`", _cause("caller_hangup"), ""),
        ("a rare cause", _cause(RARE_CAUSE), "calls_of_cause_idx"),
        ("a cause that never was", _cause("revoked"), "calls_of_cause_idx"),
        ("a week", week, ""),
        ("a rare cause in a week", {**week, **_cause(RARE_CAUSE)}, ""),
        ("a rare cause of an agent", {**agent, **_cause(RARE_CAUSE)}, ""),
        ("at least 60 s", {"durationSeconds": {"greaterThanOrEqual": 60}}, ""),
        (
            "longer than all but one",
            {"durationSeconds": {"greaterThanOrEqual": RARE_S}},
            "calls_of_length_idx",
        ),
        ("interrupted", {"transcripts": {"interrupted": {"eq": True}}}, ""),
    ]


def _status(status: str) -> dict[str, Any]:
    return {"status": {"eq": status}}


def _cause(cause: str) -> dict[str, Any]:
    return {"hangupCause": {"eq": cause}}


def _number(number: str, test: str = "eq") -> dict[str, Any]:
    return {"or": [{"fromNumber": {test: number}}, {"toNumber": {test: number}}]}


def _calls(
    asked: Mapping[str, Any], *, sort: str = "-startedAt", limit: int = 50, after: str = ""
) -> dict[str, Any]:
    page = {"limit": limit} | ({"after": after} if after else {})
    return {
        "action": "list_calls",
        "fields": _CALL_FIELDS,
        "filter": asked,
        "sort": sort,
        "page": page,
    }


def _count(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "action": "list_calls",
        "fields": ["id"],
        "filter": asked,
        "sort": "-startedAt",
        "page": {"limit": 1, "count": True},
    }


def _turns(asked: Mapping[str, Any]) -> dict[str, Any]:
    fields = ["id", "callUuid", "role", "text", "occurredAt"]
    return {
        "action": "list_call_transcripts",
        "fields": fields,
        "filter": asked,
        "sort": "occurredAt",
    }
