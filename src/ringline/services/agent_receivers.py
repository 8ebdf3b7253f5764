"""Asks an agent's receiver for a turn's answer or a tool's result (live streams, 4 and 5).

A caller is waiting, so a question is bounded in time as a whole, from reading where to ask to
the end of the answer, and is in no ledger. The URL and the secret are read for each question;
while the database is away, those that were read last count. A question that waits for its
workspace's earlier ones uses up its own time, so a slow receiver delays no other workspace.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy as sa
import structlog

from ringline.domain import webhook_limits as limits
from ringline.domain.call_facts import CallFacts
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from ringline.domain.receivers import (
    ReceiverFailed,
    ReceiverFailure,
    ToolQuestion,
    TurnAnswer,
    TurnQuestion,
)
from ringline.domain.retry_schedule import is_success
from ringline.domain.unavailable import Unavailable
from ringline.domain.webhooks import Asked, AttemptError, Question
from ringline.ports import AskWebhook, Clock, StoreUnavailable
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents
from ringline.services.repo import Repo
from ringline.services.sealer import Unsealable
from ringline.services.signing_secrets import WorkspaceSecrets, open_secrets
from ringline.wire.receivers import (
    decode_tool_result,
    decode_turn_answer,
    encode_tool,
    encode_tool_failure,
    encode_turn,
)
from ringline.wire.webhook_signature import SigningSecrets, question_headers

_log = structlog.get_logger(__name__)

_FIND = Prepared(
    sa.select(agents.c.webhook_url, agents.c.language).where(
        agents.c.id == sa.bindparam("wanted", type_=sa.Uuid)
    )
)

_T = TypeVar("_T")

#: How long the database may take to say where to ask, before what it said last counts.
_READ_S = 1.0
#: Agents whose receiver is remembered, should the database be away.
_REMEMBERED = 1_024
_SECRETS_KEPT = 1_024

#: Failures after which a turn is asked once more: nothing was asked yet.
_ASKED_AGAIN = frozenset({AttemptError.REFUSED, AttemptError.RESET})


@dataclass(frozen=True, slots=True)
class AskLimits:
    """How long a receiver may take, in seconds, and how much it may answer."""

    turn_s: float = limits.TURN_S.most
    turn_retry_s: float = limits.TURN_RETRY_S.most
    turn_bytes: int = limits.TURN_ANSWER_BYTES.most
    tool_s: float = limits.TOOL_S.most
    tool_bytes: int = limits.TOOL_ANSWER_BYTES.most
    of_workspace: int = limits.ASKED.most
    in_all: int = limits.ASKED_IN_ALL.most


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Where to ask, and how to sign it."""

    url: str
    secrets: SigningSecrets
    language: str


#: Makes a question's body, for a receiver and a time.
_Encode: TypeAlias = Callable[[_Receiver, datetime], bytes]


class AgentReceivers:
    """Asks the receivers of agents, for calls that run in this process."""

    def __init__(
        self,
        repo: Repo,
        ask: AskWebhook,
        *,
        secrets: WorkspaceSecrets,
        open_sealed: Callable[[bytes], str],
        now: Clock,
        limits: AskLimits | None = None,
    ) -> None:
        self._repo = repo
        self._ask_webhook = ask
        self._secrets = secrets
        self._open_sealed = lru_cache(_SECRETS_KEPT)(open_sealed)
        self._now = now
        self._limits = limits or AskLimits()
        self._places = _Places(self._limits)
        self._last_known: OrderedDict[tuple[Scope, UUID], _Receiver] = OrderedDict()

    async def answer_turn(self, question: TurnQuestion) -> TurnAnswer:
        """Return the receiver's answer to a turn. Raises ReceiverFailed."""

        def body(receiver: _Receiver, at: datetime) -> bytes:
            return encode_turn(question, language=receiver.language, at=at)

        most = self._limits
        answer = await self._ask(
            question.call,
            body,
            within_s=most.turn_s,
            answer_bytes=most.turn_bytes,
            retry_s=most.turn_retry_s,
        )
        return _decoded(decode_turn_answer, answer)

    async def run_tool(self, question: ToolQuestion) -> str:
        """Return a tool's result as text for the model, which may be that there is none."""

        def body(_: _Receiver, __: datetime) -> bytes:
            return encode_tool(question)

        try:
            answer = await self._ask(
                question.call,
                body,
                within_s=self._limits.tool_s,
                answer_bytes=self._limits.tool_bytes,
                event_id=format_id(Prefix.EVENT, question.id),
            )
            return _decoded(decode_tool_result, answer)
        except ReceiverFailed as failed:
            _log.warning(
                "tool_failed",
                call_id=str(question.call.id),
                agent_id=str(question.call.agent_id),
                cause=failed.failure.value,
                status=failed.status,
            )
            return encode_tool_failure(failed)

    async def _ask(
        self,
        call: CallFacts,
        encode: _Encode,
        *,
        within_s: float,
        answer_bytes: int,
        retry_s: float | None = None,
        event_id: str | None = None,
    ) -> Asked:
        """Return a successful answer; cancelling it closes the connection."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + within_s
        try:
            async with asyncio.timeout_at(ends_at), self._places.taken(call.scope.workspace_id):
                receiver = await self._find(call)
                at = self._now()
                body = encode(receiver, at)
                headers = question_headers(
                    body, int(at.timestamp()), secrets=receiver.secrets, event_id=event_id
                )
                question = Question(
                    receiver.url, headers, body, ends_at - loop.time(), answer_bytes
                )
                asked = await self._ask_webhook(question)
                left_s = ends_at - loop.time()
                if asked.error in _ASKED_AGAIN and retry_s is not None and left_s >= retry_s:
                    asked = await self._ask_webhook(replace(question, within_s=left_s))
        except TimeoutError:
            raise ReceiverFailed(ReceiverFailure.TIMEOUT) from None
        return _checked(asked)

    async def _find(self, call: CallFacts) -> _Receiver:
        """Return where to ask now. Raises ReceiverFailed."""
        if call.agent_id is None:
            raise ReceiverFailed(ReceiverFailure.NO_WEBHOOK)
        key = call.scope, call.agent_id
        try:
            async with asyncio.timeout(_READ_S):
                receiver = await self._read(call.scope, call.agent_id)
        except (TimeoutError, Unavailable, StoreUnavailable):
            if (known := self._last_known.get(key)) is not None:
                return known
            raise ReceiverFailed(ReceiverFailure.UNAVAILABLE) from None
        self._last_known[key] = receiver
        self._last_known.move_to_end(key)
        if len(self._last_known) > _REMEMBERED:
            self._last_known.popitem(last=False)
        return receiver

    async def _read(self, scope: Scope, agent_id: UUID) -> _Receiver:
        """Read where to ask. Raises ReceiverFailed, Unavailable, StoreUnavailable."""
        async with self._repo.read(scope) as rows:
            found: Any = await rows.fetch(_FIND.text, _FIND.arguments(wanted=agent_id))
        sealed = await self._secrets.keep(scope.workspace_id)
        url = found[0]["webhook_url"] if found else None
        if not url or sealed is None:
            raise ReceiverFailed(ReceiverFailure.NO_WEBHOOK)
        try:
            secrets = open_secrets(sealed, self._open_sealed, now=self._now())
            return _Receiver(url, secrets, found[0]["language"])
        except Unsealable:
            _log.error(
                "signing_secret_unreadable",
                workspace_id=str(scope.workspace_id),
                environment=scope.environment.value,
            )
            raise ReceiverFailed(ReceiverFailure.NOT_SIGNED) from None


def _checked(asked: Asked) -> Asked:
    """Return an answer that succeeded. Raises ReceiverFailed."""
    if asked.error is not None:
        raise ReceiverFailed(ReceiverFailure(asked.error.value))
    if not is_success(asked.status):
        raise ReceiverFailed(ReceiverFailure.STATUS, asked.status)
    if asked.too_long:
        raise ReceiverFailed(ReceiverFailure.TOO_LARGE, asked.status)
    return asked


def _decoded(decode: Callable[[bytes], _T], asked: Asked) -> _T:
    """Decode an answer. Raises ReceiverFailed."""
    try:
        return decode(asked.body)
    except ReceiverFailed as failed:
        raise ReceiverFailed(failed.failure, asked.status) from None


class _Places:
    """Bounds how much is asked at once: of each workspace, and in all."""

    def __init__(self, limits: AskLimits) -> None:
        self._limits = limits
        self._under_way = 0
        self._waiting: Counter[UUID] = Counter()
        self._of_workspace: dict[UUID, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def taken(self, workspace_id: UUID) -> AsyncGenerator[None]:
        """Wait for a place of the workspace's, and hold it. Raises ReceiverFailed."""
        places = self._of_workspace.setdefault(
            workspace_id, asyncio.Semaphore(self._limits.of_workspace)
        )
        self._waiting[workspace_id] += 1
        try:
            async with places:
                if self._under_way >= self._limits.in_all:
                    raise ReceiverFailed(ReceiverFailure.OVERLOADED)
                self._under_way += 1
                try:
                    yield
                finally:
                    self._under_way -= 1
        finally:
            self._waiting[workspace_id] -= 1
            if not self._waiting[workspace_id]:
                del self._waiting[workspace_id], self._of_workspace[workspace_id]
