"""Building blocks of the tables: columns, references and indexes."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa

from ringline.schema.names import SCHEMA

TIMESTAMP = sa.DateTime(timezone=True)

#: Text that is sorted with the help of an index: by bytes, on every system.
SORTED_TEXT = sa.Text(collation="C")


def one_of(column: str, words: type[StrEnum] | Iterable[str]) -> sa.CheckConstraint:
    """Return a CHECK that a column holds one of the words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def scope_columns() -> list[sa.Column[object]]:
    """Return the columns that hold the workspace and environment of a row."""
    return [
        sa.Column("workspace_id", sa.Uuid, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
    ]


def stamps() -> list[sa.Column[object]]:
    """Return the columns for when a row was created and last changed."""
    return [
        sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    ]


#: Marks a column that the application writes and does not read back.
_SECRET = "secret"


def secret(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    """Return a column for a credential's hash or an encrypted secret."""
    return sa.Column(name, sa.LargeBinary, nullable=nullable, info={_SECRET: True})


def is_secret(column: sa.Column[Any]) -> bool:
    """Return whether the application may not read a column, not even in a comparison."""
    return _SECRET in column.info


@cache
def readable(table: sa.Table) -> tuple[sa.Column[Any], ...]:
    """Return the columns of a table that the application may read."""
    return tuple(column for column in table.c if not is_secret(column))


def in_workspace() -> sa.ForeignKeyConstraint:
    """Return the reference to a row's workspace."""
    return sa.ForeignKeyConstraint(["workspace_id"], [f"{SCHEMA}.workspaces.id"])


def in_scope(column: str, table: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """Return a reference to a row of the same workspace and environment."""
    target = f"{SCHEMA}.{table}"
    return sa.ForeignKeyConstraint(
        ["workspace_id", "environment", column],
        [f"{target}.workspace_id", f"{target}.environment", f"{target}.id"],
        ondelete=ondelete,
    )


def user(column: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """Return a reference to a member of the same workspace."""
    return sa.ForeignKeyConstraint(
        ["workspace_id", column],
        [f"{SCHEMA}.users.workspace_id", f"{SCHEMA}.users.id"],
        ondelete=ondelete,
    )


def index_sorts(
    table: sa.Table, *columns: str, include: Mapping[str, tuple[str, ...]] | None = None
) -> None:
    """Add indexes for sorting both ways, with the id ascending as a tie-breaker.

    `include` names what else the ascending index of a column holds. Rows that may have no
    environment are seen in both, so those of one are not together.
    """
    where = [column for column in table.c["workspace_id", "environment"] if not column.nullable]
    for name in columns:
        column = table.c[name]
        stem = f"{table.name}_by_{name}"
        held = (include or {}).get(name, ())
        sa.Index(f"{stem}_idx", *where, column, table.c.id, postgresql_include=held)
        sa.Index(f"{stem}_desc_idx", *where, column.desc(), table.c.id)
