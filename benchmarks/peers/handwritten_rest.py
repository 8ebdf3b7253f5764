"""Reads of `/v1` as one would write them for speed alone: aiohttp, a handler each, plain SQL.

The same isolation as Ringline's (a transaction with its workspace set, the application role,
row-level security), the same answers to the byte, and nothing of what makes a table of routes
general: only the parameters that the benchmark sends, no rate, no deadline. It is as short as
it can honestly be. An id is written and read by Ringline's own function, which is quick.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from aiohttp import web

from benchmarks.peers.cursor import SIGNATURE_BYTES, sign, signing_key
from benchmarks.peers.order import Order, listen, read_order, tell
from benchmarks.peers.pool import open_pool
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.schema.names import ENVIRONMENT_SETTING, WORKSPACE_SETTING

_AGENT = """
    SELECT id, display_name, template_id, language, model, instructions, webhook_url, greeting,
        pre_call_announcement, shareable, tools::text, builtin_tools, call_window_start,
        call_window_end, recording_enabled, consent_required, idle_timeout_seconds, enabled,
        inserted_at, updated_at
    FROM ringline.agents
"""
_AGENTS_AFTER = "WHERE (inserted_at, id) < ($2, $3)"
_CALL = """
    SELECT id, agent_id, status, direction, from_number, to_number, started_at, ended_at,
        duration_seconds, hangup_cause, model, transport, recording_ms, resolved, metadata::text,
        answered_at, (SELECT retention_days FROM ringline.workspaces)
    FROM ringline.calls
"""
_STATE = """
    (CASE WHEN status = 'queued' THEN 'ringing' WHEN status = 'answered' THEN 'in_progress'
        WHEN status = 'cancelled' THEN 'canceled'
        WHEN status = 'completed' AND answered_at IS NULL THEN 'canceled' ELSE status END)
"""
_TURNS = """
    SELECT turn_id, role, text, occurred_at, interrupted, spoken_text, recognized
    FROM ringline.call_transcripts WHERE call_id = $1 ORDER BY occurred_at, id
"""

_STATUSES = {"queued": "ringing", "answered": "in_progress", "cancelled": "canceled"}
_DISPOSITIONS = {
    **dict.fromkeys(("max_duration", "budget_exhausted", "revoked"), "api_hangup"),
    "upstream_lost": "agent_error",
    **dict.fromkeys(("storage_lost", "server_lost", "server_shutdown", "internal_error"), "failed"),
}
_TRANSPORTS = {"sandbox": "sip", "external": "sip"}
_KEPT = timedelta(days=30)


class Tool(msgspec.Struct):
    name: str
    description: str
    parameters: dict[str, Any]


class Definition(msgspec.Struct):
    type: str
    function: Tool


class Agent(msgspec.Struct):
    agent_id: str
    display_name: str
    template_id: str | None
    language: str
    ai_provider: str
    ai_model: str
    system_prompt: str
    webhook_url: str | None
    greeting_text: str
    pre_call_announcement: str
    shareable: bool
    tool_definitions: str
    builtin_tools: list[str]
    call_window_start: str | None
    call_window_end: str | None
    recording_enabled: bool
    consent_required: bool
    idle_timeout_seconds: int | None
    status: str
    created_at: str
    updated_at: str


class Call(msgspec.Struct):
    call_id: str
    agent_id: str | None
    status: str
    direction: str
    from_number: str
    to_number: str
    started_at: str
    ended_at: str | None
    duration_seconds: int | None
    disposition: str | None
    ai_mode: str | None
    transport: str
    recording_url: str | None
    resolution: str | None
    classified_at: str | None
    metadata: msgspec.Raw | None
    campaign_id: None
    quality_mos: None
    mno_used: None


class Turn(msgspec.Struct, omit_defaults=True):
    turn_id: str
    role: str
    text: str
    ts: str
    interrupted: bool = False
    spoken_text: str | None = None
    recognized: bool = True


_encode = msgspec.json.Encoder().encode
_tools = msgspec.json.Decoder(list[Tool]).decode


class Reads:
    """The handlers, their pool, and the keys they know."""

    def __init__(self, pool: asyncpg.Pool[Any], order: Order) -> None:
        self._pool = pool
        self._secret = signing_key(order.signing_secret)
        self._begin = {
            f"Bearer {order.key}": f"BEGIN; SELECT set_config('{WORKSPACE_SETTING}',"
            f" '{order.workspace_id}', true), set_config('{ENVIRONMENT_SETTING}', 'live', true)"
        }

    async def agents(self, request: web.Request) -> web.Response:
        size = int(request.query.get("page_size", 20))
        purpose = _encode(["listAgents", [("page_size", str(size))]])
        values, where = self._after(request, purpose, [size + 1]), ""
        if len(values) > 1:
            where = _AGENTS_AFTER
        order = "ORDER BY inserted_at DESC, id DESC LIMIT $1"
        (rows,) = await self._fetch(request, (f"{_AGENT} {where} {order}", values))
        answer: dict[str, object] = {"agents": [_agent(row) for row in rows[:size]]}
        if len(rows) > size:
            last = rows[size - 1]
            answer["next_page_token"] = self._token(purpose, [last["inserted_at"], last["id"]])
        return _answer(answer)

    async def agent(self, request: web.Request) -> web.Response:
        agent_id = _id_of(request, Prefix.AGENT, "agent_id")
        (rows,) = await self._fetch(request, (f"{_AGENT} WHERE id = $1", [agent_id]))
        if not rows:
            raise web.HTTPNotFound
        return _answer(_agent(rows[0]))

    async def calls(self, request: web.Request) -> web.Response:
        query = request.query
        size = int(query.get("page_size", 20))
        asked: list[tuple[str, str]] = []
        values: list[object] = [size + 1]
        where: list[str] = []
        if (agent := query.get("agent_id")) is not None:
            agent_id = parse_id(Prefix.AGENT, agent)
            asked.append(("agent_id", str(agent_id)))
            values.append(agent_id)
            where.append(f"agent_id = ${len(values)}")
        asked.append(("page_size", str(size)))
        if (status := query.get("status")) is not None:
            asked.append(("status", status))
            values.append(status)
            where.append(f"{_STATE} = ${len(values)}")
        purpose, given = _encode(["listCalls", asked]), len(values)
        values = self._after(request, purpose, values)
        if len(values) > given:
            where.append(f"(started_at, id) < (${given + 1}, ${given + 2})")
        text = f"{_CALL} {'WHERE ' if where else ''}{' AND '.join(where)}"
        order = "ORDER BY started_at DESC, id DESC LIMIT $1"
        (rows,) = await self._fetch(request, (f"{text} {order}", values))
        now = datetime.now(UTC)
        answer: dict[str, object] = {"calls": [_call(row, now) for row in rows[:size]]}
        if len(rows) > size:
            last = rows[size - 1]
            answer["next_page_token"] = self._token(purpose, [last["started_at"], last["id"]])
        return _answer(answer)

    async def call(self, request: web.Request) -> web.Response:
        call_id = _id_of(request, Prefix.CALL, "call_id")
        rows, turns = await self._fetch(
            request, (f"{_CALL} WHERE id = $1", [call_id]), (_TURNS, [call_id])
        )
        if not rows:
            raise web.HTTPNotFound
        shown = msgspec.structs.asdict(_call(rows[0], datetime.now(UTC)))
        return _answer(shown | {"transcript": list(map(_turn, turns))})

    async def transcript(self, request: web.Request) -> web.Response:
        call_id = _id_of(request, Prefix.CALL, "call_id")
        known, turns = await self._fetch(
            request,
            ("SELECT id FROM ringline.calls WHERE id = $1", [call_id]),
            (_TURNS, [call_id]),
        )
        if not known:
            raise web.HTTPNotFound
        shown = {"call_id": format_id(Prefix.CALL, call_id), "turns": list(map(_turn, turns))}
        return _answer(shown)

    async def _fetch(
        self, request: web.Request, *statements: tuple[str, Sequence[object]]
    ) -> Sequence[Sequence[Any]]:
        begin = self._begin.get(request.headers.get("Authorization", ""))
        if begin is None:
            raise web.HTTPUnauthorized
        async with self._pool.acquire() as connection:
            await connection.execute(begin)
            found = [await connection.fetch(text, *values) for text, values in statements]
            await connection.execute("COMMIT")
        return found

    def _after(self, request: web.Request, purpose: bytes, values: list[object]) -> list[object]:
        """Return the values with those of the page's token, if it has one."""
        token = request.query.get("page_token")
        if token is None:
            return values
        raw = b64decode(token + "=" * (-len(token) % 4), altchars=b"-_")
        text = raw[SIGNATURE_BYTES:]
        if raw[:SIGNATURE_BYTES] != sign(self._secret, purpose, text):
            raise web.HTTPBadRequest
        at, id_ = msgspec.json.decode(text)
        return [*values, datetime.fromisoformat(at), UUID(id_)]

    def _token(self, purpose: bytes, last: Sequence[object]) -> str:
        text = _encode(last)
        signed = sign(self._secret, purpose, text) + text
        return b64encode(signed, altchars=b"-_").decode().rstrip("=")


def _id_of(request: web.Request, prefix: Prefix, name: str) -> UUID:
    id_ = parse_id(prefix, request.match_info[name])
    if id_ is None:
        raise web.HTTPNotFound
    return id_


def _answer(members: object) -> web.Response:
    return web.Response(body=_encode(members), content_type="application/json", charset="utf-8")


def _seconds(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")[:19] + "Z"


def _agent(row: Mapping[str, Any]) -> Agent:
    provider, _, model = row["model"].partition("/")
    template_id, tools = row["template_id"], row["tools"]
    if tools != "[]":
        tools = _encode([Definition("function", tool) for tool in _tools(tools)]).decode()
    return Agent(
        format_id(Prefix.AGENT, row["id"]),
        row["display_name"],
        template_id and format_id(Prefix.TEMPLATE, template_id),
        row["language"],
        provider,
        model,
        row["instructions"],
        row["webhook_url"],
        row["greeting"],
        row["pre_call_announcement"],
        row["shareable"],
        tools,
        row["builtin_tools"],
        row["call_window_start"],
        row["call_window_end"],
        row["recording_enabled"],
        row["consent_required"],
        row["idle_timeout_seconds"],
        "active" if row["enabled"] else "disabled",
        _seconds(row["inserted_at"]),
        _seconds(row["updated_at"]),
    )


def _call(row: Sequence[Any], now: datetime) -> Call:
    (
        id_,
        agent_id,
        status,
        direction,
        theirs,
        ours,
        started_at,
        ended_at,
        duration_seconds,
        cause,
        model,
        transport,
        recording_ms,
        resolved,
        metadata,
        answered_at,
        retention_days,
    ) = row
    call_id = format_id(Prefix.CALL, id_)
    if status == "completed" and answered_at is None:
        status = "canceled"
    kept = min(_KEPT, timedelta(days=retention_days))
    recorded = recording_ms is not None and ended_at is not None and now < ended_at + kept
    ended = None if ended_at is None else _seconds(ended_at)
    return Call(
        call_id,
        agent_id and format_id(Prefix.AGENT, agent_id),
        _STATUSES.get(status, status),
        direction,
        theirs,
        ours,
        _seconds(started_at),
        ended,
        duration_seconds,
        _DISPOSITIONS.get(cause, cause),
        model and model.partition("/")[0],
        _TRANSPORTS.get(transport) or transport,
        f"/v1/calls/{call_id}/recording" if recorded else None,
        None if resolved is None else "resolved" if resolved else "unresolved",
        ended if resolved is not None else None,
        None if metadata is None else msgspec.Raw(metadata.encode()),
        None,
        None,
        None,
    )


def _turn(row: Sequence[Any]) -> Turn:
    turn_id, role, text, at, interrupted, spoken_text, recognized = row
    return Turn(
        format_id(Prefix.TURN, turn_id),
        "agent" if role == "agent" else "user",
        text,
        at.isoformat(timespec="milliseconds")[:23] + "Z",
        interrupted,
        spoken_text,
        recognized,
    )


async def serve(order: Order) -> None:
    pool = await open_pool(order.dsn)
    reads, app = Reads(pool, order), web.Application()
    app.router.add_get("/v1/agents", reads.agents)
    app.router.add_get("/v1/agents/{agent_id}", reads.agent)
    app.router.add_get("/v1/calls", reads.calls)
    app.router.add_get("/v1/calls/{call_id}", reads.call)
    app.router.add_get("/v1/calls/{call_id}/transcript", reads.transcript)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening = listen()
    await web.SockSite(runner, listening).start()
    tell(listening)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(read_order()))
