"""What the console's pages read: each need is one request, whatever the number of rows.

The bodies are those of the pages Board, Call and Calls, so a change that breaks one of them fails
here before it fails in a browser.
"""

from typing import Any

from tests.rpc_calls import Rpc
from tests.serving import Service

PAGE = {"limit": 250}
OPEN = {"endedAt": {"isNil": True}}
TURN = ["itemId", "role", "text", "interrupted", "spokenText", "recognized", "latency"]
ENTRY = ["id", "callUuid", "fromNumber", "queueName", "position", "status", "enteredAt"]
STATUS = ["id", "status", "source", "updatedAt"]
OPERATOR = {"sipUser": ["id", "sipUsername", {"user": ["id", "fullName", "email"]}]}
FACTS = ["id", "callSource", "sipUsername", "hangupCause", "recordingMs", "recordingConsent"]
ROW = ["callUuid", "status", "direction", "fromNumber", "toNumber", "model", "durationSeconds"]
TIMES = ["startedAt", "answeredAt", "endedAt"]
WHO = [{"participants": ["memberUuid", "role", "joinedAt", "leftAt"]}, {"aiAgent": ["id", "name"]}]
MORE = [{"conversation": ["id", "publicId", "channel", "mode"]}]
ALL = {"greaterThanOrEqual": "2020-01-01T00:00:00Z", "lessThan": "2099-01-01T00:00:00Z"}
NUMBER = "+442079460132"

#: What each place of a page asks, and how many records it finds among `the_day`.
READS: dict[str, tuple[str, dict[str, Any], int]] = {
    "board: open calls": (
        "list_calls",
        {"filter": OPEN, "sort": "-startedAt", "page": PAGE, "fields": ROW + TIMES + WHO + MORE},
        2,
    ),
    "board: their turns of the last minute": (
        "list_call_transcripts",
        {
            "filter": {"call": OPEN, "occurredAt": {"gte": "2020-01-01T00:00:00Z"}},
            "sort": "occurredAt",
            "page": PAGE,
            "fields": ["callUuid", "occurredAt", *TURN],
        },
        0,
    ),
    "board: just ended": (
        "list_calls",
        {
            "filter": {"endedAt": {"isNil": False}},
            "sort": "--endedAt",
            "page": {"limit": 5},
            "fields": ROW + TIMES,
        },
        2,
    ),
    "board: waiting": (
        "list_call_queue_entries",
        {
            "filter": {"status": {"in": ["waiting", "offered"]}},
            "sort": "enteredAt",
            "page": PAGE,
            "fields": ENTRY,
        },
        1,
    ),
    "board: team": (
        "list_operator_statuses",
        {
            "page": PAGE,
            "fields": [*STATUS, OPERATOR, {"changedByUser": ["id", "fullName"]}],
        },
        1,
    ),
    "board: names of callers": (
        "list_contacts",
        {
            "filter": {"phoneE164": {"in": [NUMBER, "web:anonymous"]}},
            "page": PAGE,
            "fields": ["id", "fullName", "phoneE164"],
        },
        1,
    ),
    "call: one call": (
        "list_calls",
        {
            "filter": {"callUuid": {"eq": "order-1"}},
            "page": {"limit": 1},
            "fields": [*FACTS, "metadata", *ROW, *TIMES, *WHO, *MORE],
        },
        1,
    ),
    "call: its turns": (
        "list_call_transcripts",
        {
            "filter": {"callUuid": {"eq": "order-1"}},
            "page": PAGE,
            "sort": "occurredAt",
            "fields": ["id", "occurredAt", *TURN],
        },
        0,
    ),
    "calls: every filter at once": (
        "list_calls",
        {
            "filter": {
                "status": {"in": ["completed", "failed"]},
                "direction": {"eq": "inbound"},
                "aiAgentId": {"isNil": True},
                "or": [{"fromNumber": {"contains": "0132"}}, {"toNumber": {"contains": "0132"}}],
                "startedAt": ALL,
                "durationSeconds": {"gte": 0, "lte": 600},
                "hangupCause": {"in": ["caller_hangup", "api_hangup"]},
            },
            "sort": "-startedAt",
            "page": {"limit": 50, "count": True},
            "fields": ROW + TIMES,
        },
        1,
    ),
    "calls: by their end": (
        "list_calls",
        {"sort": "--endedAt", "page": {"limit": 50}, "fields": ROW + TIMES},
        4,
    ),
    "calls: interrupted": (
        "list_calls",
        {
            "filter": {"transcripts": {"interrupted": {"eq": True}}},
            "sort": "-startedAt",
            "page": {"limit": 50},
            "fields": ROW,
        },
        0,
    ),
}

#: The figures: numbers of calls, counted without reading them.
COUNTS: dict[str, tuple[dict[str, Any], int]] = {
    "on the line": (OPEN, 2),
    "today": ({"startedAt": ALL}, 4),
    "answered today": ({"startedAt": ALL, "answeredAt": {"isNil": False}}, 2),
    "ended without an answer": ({"endedAt": {"isNil": False}, "answeredAt": {"isNil": True}}, 1),
}


async def the_day(service: Service) -> Rpc:
    """Register four calls: answered, waiting, ended after an answer, ended without one."""
    rpc = Rpc(service)
    for number, status in enumerate(("answered", "queued", "answered", "ringing"), 1):
        call = {"callUuid": f"order-{number}", "direction": "inbound", "status": status}
        await rpc.run("create_call", input=call | {"fromNumber": NUMBER, "toNumber": "+4930222"})
    for ended, status in (("order-3", "completed"), ("order-4", "no_answer")):
        await rpc.run("update_call", identity={"callUuid": ended}, input={"status": status})
    await rpc.run("create_contact", input={"fullName": "Priya Raman", "phoneE164": NUMBER})
    invited = await rpc.run("invite_team_member", input={"email": "ada@example.com"})
    joined = {"token": invited["token"], "name": "Ada Okafor"}
    await rpc.run("accept_team_invitation", input=joined)
    (user,) = await rpc.run("list_users", fields=["id"])
    line = {"sipUsername": "ada", "sipPassword": "secret words", "userId": user["id"]}
    sip_user = await rpc.run("create_sip_user", input=line, fields=["id"])
    status = {"sipUserId": sip_user["id"], "status": "available"}
    await rpc.run("set_operator_status", input=status)
    return rpc


async def test_every_read_of_a_page_is_one_request(service: Service) -> None:
    rpc = await the_day(service)
    found: dict[str, int] = {}
    for place, (action, body, _) in READS.items():
        page = await rpc.run(action, **body)
        found[place] = len(page["results"])
        assert page["count"] == (found[place] if body["page"].get("count") else None)
    assert found == {place: expected for place, (_, _, expected) in READS.items()}


async def test_every_figure_is_counted_without_its_records(service: Service) -> None:
    rpc = await the_day(service)
    counted: dict[str, int] = {}
    for figure, (wanted, _) in COUNTS.items():
        body = {"filter": wanted, "fields": ["id"], "page": {"limit": 1, "count": True}}
        counted[figure] = (await rpc.run("list_calls", **body))["count"]
    assert counted == {figure: expected for figure, (_, expected) in COUNTS.items()}


async def test_the_reads_name_who_is_on_duty_and_when_a_call_was_answered(
    service: Service,
) -> None:
    rpc = await the_day(service)
    action, body, _ = READS["board: team"]
    (status,) = (await rpc.run(action, **body))["results"]
    assert status["sipUser"]["user"]["fullName"] == "Ada Okafor"
    assert status["changedByUser"] is None
    action, body, _ = READS["calls: by their end"]
    rows = (await rpc.run(action, **body))["results"]
    answered = {row["callUuid"] for row in rows if row["answeredAt"] is not None}
    assert answered == {"order-1", "order-3"}
