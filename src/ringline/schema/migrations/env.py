"""Alembic's entry: run the migrations on the connection that `storage.migrate` hands in."""

from typing import cast

import sqlalchemy as sa
from alembic import context

from ringline.schema.names import SCHEMA
from ringline.schema.tables import metadata

connection = cast(sa.Connection, context.config.attributes["connection"])
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
