"""A workspace's agents: their rules, for RPC and `/v1` alike, and what `/v1` does with them.

Names are unique in an environment. The rule is younger than agents are, so equal names may be
stored: it is checked where a name is written, under a lock of the workspace, and not by an index.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.agent import Agent
from ringline.domain.agent_checks import mismatches
from ringline.domain.agent_models import AskedModel, exists
from ringline.domain.log import Scope
from ringline.domain.tiers import AGENTS, Tier
from ringline.domain.webhook_addresses import UrlRefused, read_webhook_url
from ringline.ports import Clock, NewId, Row, Rows, Transaction
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import agents, workspaces
from ringline.services.repo import Repo
from ringline.services.voices import Catalogue
from ringline.wire.agent_rows import COLUMNS, agent_of

#: The columns that clients of `/v1` set; RPC has more of them.
SETTINGS = (
    "display_name",
    "model",
    "instructions",
    "greeting",
    "tools",
    "recording_enabled",
    "consent_required",
    "webhook_url",
    "language",
    "pre_call_announcement",
    "shareable",
    "call_window_start",
    "call_window_end",
    "idle_timeout_seconds",
    "builtin_tools",
)


class NoSuchAgent(Exception):
    """There is no such agent in this workspace and environment."""


class NameTaken(Exception):
    """Another agent of the environment has the name."""


class TooManyAgents(Exception):
    """The environment has as many agents as the workspace's tier allows."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class BadSettings(Exception):
    """Settings that an agent cannot have: their columns, and what is wrong with them."""

    def __init__(self, columns: Sequence[str], problem: str) -> None:
        super().__init__(*columns)
        self.columns = tuple(columns)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class StoredAgent:
    """An agent and when it was made and changed."""

    agent: Agent
    template_id: UUID | None
    created_at: datetime
    updated_at: datetime


_ID = sa.bindparam("wanted", type_=sa.Uuid)
#: What is read of agents; their deliveries' columns are not.
_READ = [agents.c[name] for name in (*COLUMNS, "template_id", "inserted_at", "updated_at")]
_FIND = Prepared(sa.select(*_READ).where(agents.c.id == _ID))
_LOCK = Prepared(sa.select(*_READ).where(agents.c.id == _ID).with_for_update())
_DELETE = Prepared(sa.delete(agents).where(agents.c.id == _ID).returning(agents.c.id))
#: Whoever writes a name waits for whoever writes another.
_LOCK_NAMES = Prepared(sa.select(workspaces.c.tier).with_for_update(key_share=True))
_NAMED = Prepared(
    sa.select(agents.c.id)
    .where(agents.c.display_name == sa.bindparam("name", type_=sa.Text))
    .where(agents.c.id.is_distinct_from(_ID))
    .limit(1)
)
_NEWEST_FIRST = (agents.c.inserted_at.desc(), agents.c.id.desc())
_MOST = sa.bindparam("most", type_=sa.Integer)
_LIST = Prepared(sa.select(*_READ).order_by(*_NEWEST_FIRST).limit(_MOST))
_LIST_ON = Prepared(
    sa.select(*_READ)
    .where(
        sa.tuple_(agents.c.inserted_at, agents.c.id)
        < sa.tuple_(
            sa.bindparam("after_at", type_=agents.c.inserted_at.type),
            sa.bindparam("after_id", type_=sa.Uuid),
        )
    )
    .order_by(*_NEWEST_FIRST)
    .limit(_MOST)
)
_COUNT = Prepared(sa.select(sa.func.count()).select_from(agents))


@dataclass(frozen=True, slots=True)
class AgentRules:
    """The rules that need more than a value: the models, and what is stored."""

    catalogue: Catalogue
    #: Whether webhooks may go to private addresses (`WEBHOOK_ALLOW_PRIVATE`).
    allow_private: bool = False

    def check(self, scope: Scope, values: Mapping[str, Any]) -> None:
        """Check settings by themselves, by the names of their columns. Raises BadSettings."""
        model, url = values.get("model"), values.get("webhook_url")
        if model is not None and not exists(model, self.catalogue.known(scope)):
            raise BadSettings(("model",), "is not a model that exists here")
        if url is None:
            return
        try:
            read_webhook_url(url, allow_private=self.allow_private)
        except UrlRefused as refused:
            raise BadSettings(("webhook_url",), f"cannot be called: {refused.why}") from None

    async def check_new(self, transaction: Transaction, values: Mapping[str, Any]) -> None:
        """Check a new agent in the transaction that writes it.

        Raises BadSettings, NameTaken, TooManyAgents.
        """
        _check_together(values)
        (row,) = await transaction.fetch(_LOCK_NAMES.text, [])
        most = AGENTS.get(Tier(row["tier"]))
        if most is not None:
            (count,) = await transaction.fetch(_COUNT.text, [])
            if count[0] >= most:
                raise TooManyAgents(most)
        await _check_name(transaction, values["display_name"], agent_id=None)

    async def check_change(
        self, transaction: Transaction, before: Row, *, values: Mapping[str, Any]
    ) -> None:
        """Check the change of a locked row in its transaction.

        What was stored before a rule was there does not stand in the way of other changes.
        Raises BadSettings, NameTaken.
        """
        stored = {name: before[name] for name in SETTINGS}
        if any(name in values and values[name] != stored[name] for name in _TOGETHER):
            _check_together({**stored, **values})
        name = values.get("display_name", before["display_name"])
        if name != before["display_name"]:
            await _check_name(transaction, name, agent_id=before["id"])


#: The settings that `mismatches` compares.
_TOGETHER = (
    "model",
    "webhook_url",
    "call_window_start",
    "call_window_end",
    "builtin_tools",
)


def _check_together(settings: Mapping[str, Any]) -> None:
    for found in mismatches(settings):
        raise BadSettings(found.columns, found.problem)


async def _check_name(rows: Rows, name: str, *, agent_id: UUID | None) -> None:
    if await rows.fetch(_NAMED.text, _NAMED.arguments(name=name, wanted=agent_id)):
        raise NameTaken


class Agents:
    """The agents of the workspace and environment that a call names."""

    def __init__(self, repo: Repo, rules: AgentRules, *, now: Clock, new_id: NewId) -> None:
        self._repo = repo
        self._rules = rules
        self._now = now
        self._new_id = new_id

    def with_repo(self, repo: Repo) -> "Agents":
        """Return the service over another repo, such as a caller's."""
        return Agents(repo, self._rules, now=self._now, new_id=self._new_id)

    async def create(
        self,
        scope: Scope,
        given: Mapping[str, Any],
        *,
        model: AskedModel,
        template_id: UUID | None,
        also: Callable[[Transaction, StoredAgent], Awaitable[None]],
    ) -> StoredAgent:
        """Create an agent; what is not given has its column's default.

        `also` is done in the same transaction. Raises BadSettings, NameTaken, TooManyAgents,
        Unavailable, and what `also` raises.
        """
        openable = await self._rules.catalogue.models(scope)
        settings = {**given, "model": self._meant(scope, model, openable=openable)}
        self._rules.check(scope, settings)
        now = self._now()
        text, values = compiled(
            sa.insert(agents)
            .values(
                {
                    **settings,
                    "workspace_id": scope.workspace_id,
                    "environment": scope.environment.value,
                    "id": self._new_id(),
                    "template_id": template_id,
                    "inserted_at": now,
                    "updated_at": now,
                }
            )
            .returning(*_READ)
        )

        async def write(transaction: Transaction) -> StoredAgent:
            await self._rules.check_new(transaction, settings)
            (row,) = await transaction.fetch(text, values)
            stored = _stored(row)
            await also(transaction, stored)
            return stored

        return await self._repo.write(scope, write)

    async def find(self, scope: Scope, agent_id: UUID) -> StoredAgent:
        """Return an agent. Raises NoSuchAgent, Unavailable."""
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(_FIND.text, _FIND.arguments(wanted=agent_id))
        if not found:
            raise NoSuchAgent
        return _stored(found[0])

    async def listed(
        self, scope: Scope, size: int, *, after: Sequence[Any] | None
    ) -> Sequence[StoredAgent]:
        """Return at most `size` agents, newest first, after (creation, id) of another.

        Raises Unavailable.
        """
        if after is None:
            text, values = _LIST.text, _LIST.arguments(most=size)
        else:
            at, agent_id = after
            values = _LIST_ON.arguments(most=size, after_at=at, after_id=agent_id)
            text = _LIST_ON.text
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(text, values)
        return [_stored(row) for row in found]

    async def change(
        self,
        scope: Scope,
        agent_id: UUID,
        *,
        given: Mapping[str, Any],
        model: AskedModel | None,
    ) -> StoredAgent:
        """Set an agent's settings; `model` is None if nothing is said about it.

        Raises NoSuchAgent, BadSettings, NameTaken, Unavailable.
        """
        openable: Iterable[str] = ()
        if model is not None:
            openable = await self._rules.catalogue.models(scope)

        async def write(transaction: Transaction) -> StoredAgent:
            if "display_name" in given:
                await transaction.fetch(_LOCK_NAMES.text, [])
            found = await transaction.fetch(_LOCK.text, _LOCK.arguments(wanted=agent_id))
            if not found:
                raise NoSuchAgent
            before, settings = found[0], dict(given)
            if model is not None:
                current = before["model"]
                settings["model"] = self._meant(scope, model, current=current, openable=openable)
            self._rules.check(scope, settings)
            await self._rules.check_change(transaction, before, values=settings)
            new = {name: value for name, value in settings.items() if value != before[name]}
            if not new:
                return _stored(before)
            text, values = compiled(
                sa.update(agents)
                .where(agents.c.id == agent_id)
                .values({**new, "updated_at": self._now()})
                .returning(*_READ)
            )
            (row,) = await transaction.fetch(text, values)
            return _stored(row)

        return await self._repo.write(scope, write)

    async def delete(self, scope: Scope, agent_id: UUID) -> None:
        """Delete an agent; its calls stay, what is owed to its webhook is dead.

        Raises NoSuchAgent, Unavailable.
        """

        async def write(transaction: Transaction) -> None:
            if not await transaction.fetch(_DELETE.text, _DELETE.arguments(wanted=agent_id)):
                raise NoSuchAgent

        await self._repo.write(scope, write)

    def _meant(
        self,
        scope: Scope,
        asked: AskedModel,
        *,
        current: str | None = None,
        openable: Iterable[str],
    ) -> str:
        """Return the model that is meant; one that opens goes before one that lacks a key."""
        meant = asked.of(current, openable, self._rules.catalogue.known(scope))
        if meant is None:
            raise BadSettings(("model",), "is required: the provider has no model here")
        return meant


def _stored(row: Row) -> StoredAgent:
    *values, template_id, created_at, updated_at = row
    return StoredAgent(agent_of(values), template_id, created_at, updated_at)
