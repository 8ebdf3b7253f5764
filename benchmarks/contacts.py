"""Many contacts, put straight into the embedded database.

They are made where they are kept, by one statement, as the superuser: row-level security
does not hold him. Names occur more than once, so that a sort by them needs its tie-breaker;
three in ten have no e-mail address and three in ten no phone number. The indexes of the
sorts are made after the rows, which takes a fraction of the time.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from benchmarks import filling
from benchmarks.filling import NEIGHBOUR
from ringline.domain.log import Environment
from ringline.storage.data_directory import Address

#: Of a hundred rows, so many lack what may be null.
NULLS_PERCENT = 30

_FIRST = "Ada Ben Cleo Dora Emil Fay Gus Hana Ivo Jana Kim Lena Max Nora Otto Pia Quinn Rosa Sam"
_LAST = "Adler Bauer Conti Diaz Eder Fuchs Gallo Huber Ito Jensen Kovac Lopez Meyer Novak Olsen"

#: $1 workspace, $2 environment, $3 how many. Ids rise with the time of insertion, as those
#: of version 7 do; `scatter` spreads all else, the same way in every run.
_INSERT = f"""
    INSERT INTO ringline.contacts (
        workspace_id, environment, id, full_name, email, phone_e164, notes,
        inserted_at, updated_at
    )
    SELECT
        $1, $2,
        (lpad(to_hex(1750000000000 + n), 12, '0') || '7' || substr(hash, 1, 3)
            || 'a' || substr(hash, 4, 15))::uuid,
        name || ' ' || (scatter % 1000),
        CASE WHEN scatter / 1000 % 100 >= {NULLS_PERCENT}
            THEN lower(replace(name, ' ', '.')) || n || '@example.com' END,
        CASE WHEN scatter / 100000 % 100 >= {NULLS_PERCENT}
            THEN '+49' || (3000000000 + n * 7919 % 100000000) END,
        CASE WHEN scatter % 2 = 0 THEN repeat('Calls back. ', 8) END,
        '2026-01-01Z'::timestamptz + n * interval '1 second',
        '2026-01-01Z'::timestamptz + n * interval '1 second'
    FROM generate_series(1, $3::bigint) AS n
    CROSS JOIN LATERAL (SELECT md5(n::text) AS hash) AS hashed
    CROSS JOIN LATERAL (
        SELECT ('x' || substr(hash, 20, 7))::bit(28)::integer AS scatter
    ) AS scattered
    CROSS JOIN LATERAL (
        SELECT (string_to_array('{_FIRST}', ' '))[1 + scatter % 19] || ' '
            || (string_to_array('{_LAST}', ' '))[1 + scatter / 19 % 15] AS name
    ) AS named
"""

_SORT_INDEXES = """
    SELECT indexname AS name, indexdef AS statement FROM pg_catalog.pg_indexes
    WHERE schemaname = 'ringline' AND tablename = 'contacts' AND indexname LIKE '%\\_by\\_%'
"""


def fill(address: Address, workspace_id: str, count: int, others: int) -> None:
    """Give a workspace so many contacts, in its live environment, and a neighbour others."""
    filling.fill(address, insert, workspace_id=workspace_id, count=count, others=others)


async def insert(
    connection: asyncpg.Connection[Any], workspace_id: UUID, count: int, others: int
) -> None:
    """Insert contacts over a connection of the superuser; return when they are analysed."""
    indexes = await connection.fetch(_SORT_INDEXES)
    await connection.execute("SET maintenance_work_mem = '256MB'")
    await connection.execute("ALTER TABLE ringline.contacts SET (autovacuum_enabled = false)")
    for index in indexes:
        await connection.execute(f"DROP INDEX ringline.{index['name']}")
    await connection.execute(
        "INSERT INTO ringline.workspaces (id, name, created_at)"
        " VALUES ($1, 'Neighbour', now()) ON CONFLICT DO NOTHING",
        NEIGHBOUR,
    )
    for owner, rows in ((workspace_id, count), (NEIGHBOUR, others)):
        await connection.execute(_INSERT, owner, Environment.LIVE.value, rows)
    for index in indexes:
        await connection.execute(index["statement"])
    # What the database would do later by itself, in the middle of a measurement.
    await connection.execute("VACUUM (ANALYZE) ringline.contacts")
    await connection.execute("CHECKPOINT")
