"""Agents and calls with transcripts, put straight into the embedded database.

They are made where they are kept, by one statement for each table, as the superuser. Ids rise
with time, as those of version 7 do. Of a hundred calls one has a transcript, the newest too.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from benchmarks import filling
from benchmarks.filling import NEIGHBOUR
from ringline.domain.log import Environment
from ringline.storage.data_directory import Address

#: A workspace has so many agents, and a call of a hundred so many turns.
AGENTS, TURNS = 100, 20
CALLS_PER_TRANSCRIPT = 100

_SCOPE = "$1::uuid AS workspace_id, $2::text AS environment"
_BEGAN = "'2026-01-01Z'::timestamptz"


def _id(number: str, variant: str) -> str:
    """Return the SQL of a UUID that rises with a number; the variant keeps tables apart."""
    return (
        f"(lpad(to_hex(1750000000000 + ({number})), 12, '0') || '7' || '{variant}'"
        f" || 'a' || substr(md5(({number})::text), 1, 15))::uuid"
    )


_TOOL = """[{"name": "find_order", "description": "Find an order by its number.", "parameters":
    {"type": "object", "properties": {"order_no": {"type": "string"}}}}]"""
_INSERT_AGENTS = f"""
    INSERT INTO ringline.agents (
        workspace_id, environment, id, display_name, model, instructions, greeting, tools,
        language, idle_timeout_seconds, builtin_tools, inserted_at, updated_at
    )
    SELECT {_SCOPE}, {_id("n", "0a1")}, 'Agent ' || n, 'local/attendant',
        repeat('Answer in one sentence. ', 20), 'Good morning.',
        CASE WHEN n % 2 = 0 THEN '{_TOOL}'::jsonb ELSE '[]'::jsonb END,
        'en', 10, '{{hang_up}}', {_BEGAN} + n * interval '1 second',
        {_BEGAN} + n * interval '1 second'
    FROM generate_series(1, {AGENTS}) AS n
"""
_INSERT_CALLS = f"""
    INSERT INTO ringline.calls (
        workspace_id, environment, id, call_uuid, call_source, direction, from_number, to_number,
        transport, status, agent_id, model, started_at, answered_at, ended_at, duration_seconds,
        hangup_cause, metadata, resolved, recording_ms
    )
    SELECT {_SCOPE}, {_id("n", "0ca")}, {_id("n", "0ca")}::text, 'realtime',
        CASE WHEN n % 3 = 0 THEN 'outbound' ELSE 'inbound' END,
        '+23480' || lpad((n % 5000)::text, 8, '0'), '+234100000' || lpad((n % 10)::text, 4, '0'),
        'websocket', CASE WHEN n % 10 = 1 THEN 'failed' ELSE 'completed' END,
        {_id(f"1 + n % {AGENTS}", "0a1")}, 'local/attendant', moment,
        CASE WHEN n % 10 <> 1 THEN moment + interval '1 second' END,
        moment + interval '90 seconds', CASE WHEN n % 10 = 1 THEN 0 ELSE 89 END,
        CASE WHEN n % 10 = 1 THEN 'failed' ELSE 'caller_hangup' END,
        CASE WHEN n % 4 = 0 THEN jsonb_build_object('order', 'A-' || n) END, n % 10 <> 1,
        CASE WHEN n % 5 = 0 THEN 89000 END
    FROM generate_series(1, $3::bigint) AS n
    CROSS JOIN LATERAL (SELECT {_BEGAN} + n * interval '10 seconds' AS moment) AS moments
"""
_INSERT_TURNS = f"""
    INSERT INTO ringline.call_transcripts (
        workspace_id, environment, id, call_id, turn_id, item_id, role, text, occurred_at
    )
    SELECT {_SCOPE}, {_id(f"n * {TURNS} + turn", "07a")}, {_id("n", "0ca")},
        {_id(f"n * {TURNS} + turn", "07b")}, 'item ' || turn,
        CASE WHEN turn % 2 = 0 THEN 'agent' ELSE 'caller' END,
        'I would like to book a table for two people tonight, by the window if you can.',
        {_BEGAN} + n * interval '10 seconds' + turn * interval '4 seconds'
    FROM generate_series($3::bigint, 1, -{CALLS_PER_TRANSCRIPT}) AS n,
        generate_series(1, {TURNS}) AS turn
"""


def fill(address: Address, workspace_id: str, count: int, others: int) -> None:
    """Give a workspace so many calls, in its live environment, and a neighbour others."""
    filling.fill(address, insert, workspace_id=workspace_id, count=count, others=others)


async def insert(
    connection: asyncpg.Connection[Any], workspace_id: UUID, count: int, others: int
) -> None:
    """Insert rows over a connection of the superuser; return when they are analysed."""
    live = Environment.LIVE.value
    await connection.execute(
        "INSERT INTO ringline.workspaces (id, name, created_at)"
        " VALUES ($1, 'Neighbour', now()) ON CONFLICT DO NOTHING",
        NEIGHBOUR,
    )
    for table in ("calls", "call_transcripts"):
        await connection.execute(f"ALTER TABLE ringline.{table} SET (autovacuum_enabled = false)")
    for owner, rows in ((workspace_id, count), (NEIGHBOUR, others)):
        await connection.execute(_INSERT_AGENTS, owner, live)
        await connection.execute(_INSERT_CALLS, owner, live, rows)
        await connection.execute(_INSERT_TURNS, owner, live, rows)
    # What the database would do later by itself, in the middle of a measurement.
    for table in ("agents", "calls", "call_transcripts"):
        await connection.execute(f"VACUUM (ANALYZE) ringline.{table}")
    await connection.execute("CHECKPOINT")
