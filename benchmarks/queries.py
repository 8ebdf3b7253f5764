"""How many statements a request runs, by how deeply its fields are nested.

PostgreSQL itself counts: its log is told to note every statement of the server's role. What
matters is that the number grows with the relationships and not with the records.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import asyncpg

from benchmarks.report import Grid, Section
from benchmarks.rpc import data
from benchmarks.servers import Server, bench, directory
from ringline.schema.names import ROLES
from ringline.storage.data_directory import DATABASE, SUPERUSER, Address, DataDirectory

RECORDS = (1, 50)
REPEATS, TINY_REPEATS = 9, 3

_PARTICIPANTS = {"participants": ["id", "role"]}
_PARTICIPANTS_CALL = {"participants": ["id", "role", {"call": ["callUuid"]}]}

#: What is asked for, by the number of relationships, one in another.
FIELDS: Mapping[str, list[object]] = {
    "none": ["id", "publicId"],
    "1: `call`": ["id", {"call": ["id"]}],
    "2: `call.participants`": ["id", {"call": ["id", _PARTICIPANTS]}],
    "3: `call.participants.call`": ["id", {"call": ["id", _PARTICIPANTS_CALL]}],
    "5 in all: `call.participants.call`, `call.transcripts`, `conversationItems`": [
        "id",
        {"call": ["id", _PARTICIPANTS_CALL, {"transcripts": ["text"]}]},
        {"conversationItems": ["content"]},
    ],
}

#: $1 workspace, $2 how many conversations: each with a call of two participants and two
#: turns, and with two items.
_MAKE = """
    WITH made AS (
        INSERT INTO ringline.conversations
            (workspace_id, environment, id, public_id, channel, mode, status)
        SELECT $1, 'live', gen_random_uuid(), 'public ' || n, 'call', 'voice', 'active'
        FROM generate_series(1, $2::integer) AS n
        RETURNING *
    ), items AS (
        INSERT INTO ringline.conversation_items
            (workspace_id, environment, id, conversation_id, role, modality, content)
        SELECT workspace_id, environment, gen_random_uuid(), id, 'user', 'text', 'Hello?'
        FROM made, generate_series(1, 2)
    ), called AS (
        INSERT INTO ringline.calls
            (workspace_id, environment, id, call_uuid, call_source, direction, from_number,
            to_number, transport, status, conversation_id, started_at)
        SELECT workspace_id, environment, gen_random_uuid(), 'call ' || public_id, 'api',
            'inbound', '+491', '+492', 'external', 'answered', id, now()
        FROM made
        RETURNING *
    ), joined AS (
        INSERT INTO ringline.call_participants
            (workspace_id, environment, id, call_id, member_uuid, role)
        SELECT workspace_id, environment, gen_random_uuid(), id, 'member ' || n, 'caller'
        FROM called, generate_series(1, 2) AS n
    )
    INSERT INTO ringline.call_transcripts
        (workspace_id, environment, id, call_id, turn_id, item_id, role, text, occurred_at)
    SELECT workspace_id, environment, gen_random_uuid(), id, gen_random_uuid(), 'item',
        'caller', 'Hello?', now()
    FROM called, generate_series(1, 2)
"""

#: A line of the log: how a statement was run, and its text's beginning.
_NOTED = re.compile(r"LOG:  (statement|execute [^:]*): (.*)")

#: What the server asks by itself, whoever asks it or not.
_OWN = re.compile(r"SELECT 1$|.*last_used_at")
_SETTLE_S = 0.05


def queries(*, tiny: bool = False) -> Section:
    repeats = TINY_REPEATS if tiny else REPEATS
    with directory() as place:
        with bench(place / "data") as server:
            asyncio.run(_log_statements(server.address))
        with bench(place / "data") as server:
            workspace_id = UUID(server.ready["workspace_id"])
            asyncio.run(make(server.address, workspace_id, max(RECORDS)))
            log = DataDirectory.at(place / "data").log
            rows = [
                (name, [_count(server, log, fields, limit, repeats) for limit in RECORDS])
                for name, fields in FIELDS.items()
            ]
    return Section(
        "queries",
        "Statements of a request",
        "`list_conversations` with relationships nested in its `fields`, as PostgreSQL's log "
        "has them: the statements that read, and beside them those that only open and close "
        f"the transaction. The median of {repeats} requests; the number must not depend on how "
        "many records are answered.",
        [],
        Grid([f"{limit} records" if limit > 1 else "1 record" for limit in RECORDS], rows),
    )


async def _log_statements(address: Address) -> None:
    # What a role sets comes before what the cluster was started with.
    await _execute(address, f"ALTER ROLE {ROLES.server} SET log_statement = 'all'")


async def make(address: Address, workspace_id: UUID, count: int) -> None:
    """Give a workspace so many conversations."""
    await _execute(address, _MAKE, workspace_id, count)


async def _execute(address: Address, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(address.dsn(SUPERUSER, DATABASE))
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


def _count(server: Server, log: Path, fields: list[object], limit: int, repeats: int) -> str:
    asked = {"action": "list_conversations", "fields": fields, "page": {"limit": limit}}
    reading: list[int] = []
    around: list[int] = []
    for number in range(repeats + 1):
        begun = log.stat().st_size
        answer = data(server.port, server.ready["secret_key"], asked)
        if len(answer["results"]) != limit:
            raise SystemExit(f"{len(answer['results'])} records came instead of {limit}.")
        time.sleep(_SETTLE_S)
        if number:  # the first prepares statements and looks their types up
            noted = log.read_bytes()[begun:].decode("utf-8", "replace")
            read, opened = counted(noted)
            reading.append(read)
            around.append(opened)
    return f"{statistics.median_low(reading)} + {statistics.median_low(around)}"


def counted(log: str) -> tuple[int, int]:
    """Count statements in a piece of PostgreSQL's log: those that read, BEGIN and COMMIT."""
    texts = [found[2] for found in _NOTED.finditer(log) if not _OWN.match(found[2])]
    around = sum(text.startswith(("BEGIN", "COMMIT")) for text in texts)
    return len(texts) - around, around
