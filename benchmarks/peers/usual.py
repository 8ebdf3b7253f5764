"""`list_contacts` the usual way: FastAPI, pydantic models, SQLAlchemy's ORM, asyncpg.

Written with the care that these libraries ask for: only the columns that are needed, one
session per request, a pool that is never short of a connection it had before, uvicorn with
uvloop and httptools. The same isolation: a transaction with its workspace set, the same
role, row-level security.
"""

# pyright: reportMissingImports=false
# What it needs beyond Ringline is the dependency group `bench`.

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import Text, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, load_only, mapped_column

from benchmarks.peers.cursor import Cursors
from benchmarks.peers.order import Order, listen, read_order, tell
from ringline.schema.names import ENVIRONMENT_SETTING, SCHEMA, WORKSPACE_SETTING
from ringline.storage.database import POOL_SIZE

_ISOLATE = text(
    f"SELECT set_config('{WORKSPACE_SETTING}', :workspace, true),"
    f" set_config('{ENVIRONMENT_SETTING}', :environment, true)"
)


class Base(DeclarativeBase):
    pass


class ContactRow(Base):
    __tablename__ = "contacts"
    __table_args__ = {"schema": SCHEMA}  # noqa: RUF012

    id: Mapped[UUID] = mapped_column(primary_key=True)
    full_name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    phone_e164: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Page(Model):
    limit: Annotated[int, Field(ge=1, le=250)] = 250
    after: str | None = None


class Asked(Model):
    action: Literal["list_contacts"]
    fields_: Annotated[list[Literal["id", "fullName"]], Field(alias="fields", min_length=1)]
    page: Page


class Contact(Model):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    full_name: str


class Data(Model):
    results: list[Contact]
    has_more: bool
    limit: int
    after: str | None = None
    before: str | None = None
    previous_page: str | None
    next_page: str | None
    count: int | None = None
    type: Literal["keyset"] = "keyset"


class Answer(Model):
    success: Literal[True] = True
    data: Data


def make_app(order: Order) -> FastAPI:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(order.dsn),
        pool_size=POOL_SIZE,
        max_overflow=0,
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    workspaces = {order.key: order.workspace_id}
    cursors = Cursors(order.signing_secret)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    async def workspace_of(key: Annotated[str, Depends(APIKeyHeader(name="x-api-key"))]) -> UUID:
        found = workspaces.get(key)
        if found is None:
            raise HTTPException(401)
        return found

    async def session_of(
        workspace_id: Annotated[UUID, Depends(workspace_of)],
    ) -> AsyncIterator[AsyncSession]:
        async with sessions() as session, session.begin():
            values = {"workspace": str(workspace_id), "environment": "live"}
            await session.execute(_ISOLATE, values)
            yield session

    @app.post("/rpc/public/run")
    async def run(asked: Asked, session: Annotated[AsyncSession, Depends(session_of)]) -> Answer:
        page = asked.page
        query = (
            select(ContactRow)
            .options(load_only(ContactRow.id, ContactRow.full_name))
            .order_by(ContactRow.id)
            .limit(page.limit + 1)
        )
        if page.after is not None:
            try:
                after = cursors.read(page.after)
            except ValueError:
                raise HTTPException(400) from None
            query = query.where(ContactRow.id > after)
        rows = (await session.scalars(query)).all()
        results = [Contact.model_validate(row) for row in rows[: page.limit]]
        return Answer(
            data=Data(
                results=results,
                has_more=len(rows) > page.limit,
                limit=page.limit,
                after=page.after,
                previous_page=cursors.make(str(results[0].id)) if results else None,
                next_page=cursors.make(str(results[-1].id)) if results else None,
            )
        )

    return app


class Server(uvicorn.Server):
    """Tells when it is ready."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        tell(_listening)


if __name__ == "__main__":
    _listening = listen()
    config = uvicorn.Config(
        make_app(read_order()), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
    Server(config).run([_listening])
