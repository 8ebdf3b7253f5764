"""A month of the usage ledger, put straight into the embedded database.

Rows are made where they are kept, by one statement, as the superuser; the month's sums are
added up from them. Ids rise with time, as those of version 7 do. Each call has fifty rows of
one agent, or of none, and of one model.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from benchmarks import filling
from benchmarks.filling import NEIGHBOUR
from ringline.domain.log import Environment
from ringline.domain.usage import UNITS
from ringline.storage.data_directory import Address

MONTH = "2026-11"
ROWS_PER_CALL = 50
MODELS = (
    "openai/gpt-realtime-2.1",
    "openai/gpt-live-1.1",
    "xai/grok-voice-latest",
    "gemini/gemini-3.8-live",
    "cascade/house",
)
AGENTS = 20

_SCOPE = "$1::uuid AS workspace_id, $2::text AS environment"
_BEGAN = f"'{MONTH}-01Z'::timestamptz"
#: A row's moment: all of them lie within the month.
_MOMENT = f"{_BEGAN} + n * (interval '29 days' / $3::bigint)"


def _id(number: str, variant: str) -> str:
    """Return the SQL of a UUID that rises with a number; the variant keeps tables apart."""
    return (
        f"(lpad(to_hex(1790000000000 + ({number})), 12, '0') || '7' || '{variant}'"
        f" || 'a' || substr(md5(({number})::text), 1, 15))::uuid"
    )


_CALL = f"((n - 1) / {ROWS_PER_CALL})"
#: The agent of a call: every tenth has none.
_AGENT = f"CASE WHEN {_CALL} % 10 = 0 THEN NULL ELSE {_id(f'{_CALL} % {AGENTS}', '0a1')} END"
_MODEL = f"(ARRAY{list(MODELS)!r})[1 + {_CALL} % {len(MODELS)}]"

_INSERT_AGENTS = f"""
    INSERT INTO ringline.agents (workspace_id, environment, id, display_name, model)
    SELECT {_SCOPE}, {_id("n", "0a1")}, 'Agent ' || n, 'local/attendant'
    FROM generate_series(0, {AGENTS - 1}) AS n
"""
_INSERT_CALLS = f"""
    INSERT INTO ringline.calls (
        workspace_id, environment, id, call_uuid, call_source, direction, from_number, to_number,
        transport, status, agent_id, model, started_at, ended_at
    )
    SELECT {_SCOPE}, {_id(_CALL, "0ca")}, {_id(_CALL, "0ca")}::text, 'realtime', 'inbound',
        'web:anonymous', 'voice:' || {_MODEL}, 'websocket', 'completed', {_AGENT}, {_MODEL},
        {_MOMENT}, {_MOMENT}
    FROM generate_series(1, $3::bigint, {ROWS_PER_CALL}) AS n
"""
_INSERT_ROWS = f"""
    INSERT INTO ringline.usage (
        workspace_id, environment, id, call_id, agent_id, model, kind, audio_in_tokens,
        audio_cached_tokens, audio_out_tokens, text_in_tokens, text_cached_tokens,
        text_out_tokens, seconds, text_items, usd, prices_date, occurred_at
    )
    SELECT {_SCOPE}, {_id("n", "0be")}, {_id(_CALL, "0ca")}, {_AGENT}, {_MODEL},
        (ARRAY['response', 'transcription', 'response', 'session'])[1 + n % 4],
        n % 997, n % 499, n % 241, n % 101, n % 59, n % 31, n % 7 * 0.5, n % 2,
        n % 997 * 0.00003, '{MONTH}-01', {_MOMENT}
    FROM generate_series(1, $3::bigint) AS n
"""
_COUNTED = ", ".join((*UNITS, "usd"))
_SUMS = ", ".join(f"sum({name})" for name in (*UNITS, "usd"))
_INSERT_SUMS = f"""
    INSERT INTO ringline.usage_months (
        workspace_id, environment, month, agent_id, model, {_COUNTED}
    )
    SELECT workspace_id, environment, '{MONTH}-01', agent_id, model, {_SUMS}
    FROM ringline.usage WHERE workspace_id = $1 AND environment = $2
    GROUP BY workspace_id, environment, agent_id, model
"""


def fill(address: Address, workspace_id: str, count: int, others: int) -> None:
    """Give a workspace so many rows, in its live environment, and a neighbour others."""
    filling.fill(address, insert, workspace_id=workspace_id, count=count, others=others)


async def insert(
    connection: asyncpg.Connection[Any], workspace_id: UUID, count: int, others: int
) -> None:
    """Insert rows over a connection of the superuser; return when they are analysed."""
    live = Environment.LIVE.value
    await connection.execute("ALTER TABLE ringline.usage SET (autovacuum_enabled = false)")
    await connection.execute(
        "INSERT INTO ringline.workspaces (id, name, created_at)"
        " VALUES ($1, 'Neighbour', now()) ON CONFLICT DO NOTHING",
        NEIGHBOUR,
    )
    # Each row's keys are checked once it is there; the statements above make them.
    await connection.execute("SET session_replication_role = replica")
    for owner, rows in ((workspace_id, count), (NEIGHBOUR, others)):
        await connection.execute(_INSERT_AGENTS, owner, live)
        await connection.execute(_INSERT_CALLS, owner, live, rows)
        await connection.execute(_INSERT_ROWS, owner, live, rows)
        await connection.execute(_INSERT_SUMS, owner, live)
    await connection.execute("SET session_replication_role = origin")
    for table in ("usage", "usage_months", "calls"):
        await connection.execute(f"VACUUM (ANALYZE) ringline.{table}")
    await connection.execute("CHECKPOINT")
