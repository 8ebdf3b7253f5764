"""Idempotency keys: a repeated request gets the stored answer and is not carried out again.

The first request with a key claims it in a transaction of its own, for 30 s, and then does
its work. A duplicate with the same key and body waits for it, at most 10 s, and gets its
answer. If the first request did nothing, it releases the claim; if its process dies, the
claim expires and the next request takes it over. Work that is one transaction stores its
answer in it, guarded by the claim, so that it happens once even if the answer to COMMIT is
lost or the claim expires under a slow database.

The work itself belongs to the surface, which answers two questions about it: whether the
answer holds a credential, and whether a request that failed certainly did nothing.

Over RPC, idempotency keys are scoped to an API key, and to the operator if a token was used
(contract, 9); under `/v1`, to the workspace and environment, and to a route (live streams,
1.8). They are remembered for 24 h, and raw bodies are compared.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from ringline.domain.log import Scope
from ringline.domain.unavailable import Unavailable
from ringline.ports import LogBusy, NewId, Row, Rows, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import idempotency_keys
from ringline.services.callers import Caller
from ringline.services.repo import Repo

_log = structlog.get_logger(__name__)

MAX_KEY = 255  # characters
MAX_KEPT = 1_000_000  # bytes of an answer; a longer one is not kept
LEASE_S = 30
KEPT_HOURS = 24
#: Every so many claims old keys are deleted, more at a time than were added since.
SWEEP_EVERY = 20
_SWEPT = 200


class Conflict(StrEnum):
    """Why a request is neither carried out nor answered; sent as `details.reason`."""

    OTHER_BODY = "other_body"
    IN_PROGRESS = "in_progress"
    ANSWER_NOT_KEPT = "answer_not_kept"


#: The message for each reason.
CONFLICTS: Mapping[Conflict, str] = {
    Conflict.OTHER_BODY: "the idempotency key was used with another body",
    Conflict.IN_PROGRESS: "the first request with this idempotency key is still under way",
    Conflict.ANSWER_NOT_KEPT: "it was carried out, but its answer was not kept",
}


class IdempotencyConflict(Exception):
    """The key belongs to another request, or to one whose answer is not available."""

    def __init__(self, reason: Conflict) -> None:
        super().__init__(reason.value)
        self.reason = reason


_t = idempotency_keys
_KEY_ID = sa.bindparam("of_key", type_=sa.Uuid)
_NAME = sa.bindparam("named", type_=sa.Text)
_CLAIM = sa.bindparam("claimed", type_=sa.Uuid)
_HASH = sa.bindparam("hashed", type_=sa.LargeBinary)
_LEASE = sa.func.now() + sa.text(f"interval '{LEASE_S} seconds'")
_IS_OLD = _t.c.inserted_at < sa.func.now() - sa.text(f"interval '{KEPT_HOURS} hours'")
_MINE = (_t.c.key_id == _KEY_ID) & (_t.c.idempotency_key == _NAME)


def _take() -> Prepared:
    """Return the statement that claims a key: a new, an old or an expired one."""
    claim = insert(_t).values(
        workspace_id=sa.bindparam("workspace", type_=sa.Uuid),
        environment=sa.bindparam("in_environment", type_=sa.Text),
        key_id=_KEY_ID,
        idempotency_key=_NAME,
        body_hash=_HASH,
        claim=_CLAIM,
        leased_until=_LEASE,
    )
    new = claim.excluded
    ran_out = (
        _t.c.done_at.is_(None)
        & (_t.c.leased_until < sa.func.now())
        & (_t.c.body_hash == new.body_hash)
    )
    return Prepared(
        claim.on_conflict_do_update(
            constraint="idempotency_keys_pkey",
            set_={
                "body_hash": new.body_hash,
                "claim": new.claim,
                "leased_until": new.leased_until,
                "done_at": sa.null(),
                "answer": sa.null(),
                "inserted_at": sa.func.now(),
            },
            where=ran_out | _IS_OLD,
        ).returning(_t.c.claim)
    )


_TAKE = _take()
_FIND = Prepared(sa.select(_t.c.body_hash, _t.c.done_at, _t.c.answer).where(_MINE))
_KEEP = Prepared(
    sa.update(_t)
    .values(done_at=sa.func.now(), answer=sa.bindparam("kept", type_=sa.LargeBinary))
    .where(_MINE, _t.c.claim == _CLAIM)
    .returning(_t.c.claim)
)
_RELEASE = Prepared(sa.delete(_t).where(_MINE, _t.c.claim == _CLAIM, _t.c.done_at.is_(None)))
_OLD = (
    sa.select(_t.c.key_id, _t.c.idempotency_key)
    .where(_IS_OLD)
    .order_by(_t.c.inserted_at)
    .limit(_SWEPT)
)
_SWEEP = Prepared(
    sa.delete(_t).where(sa.tuple_(_t.c.key_id, _t.c.idempotency_key).in_(_OLD), _IS_OLD)
)


@dataclass(slots=True, eq=False)
class Claim:
    """The right to carry one request out, for as long as it is leased.

    `key_id` is the API key that `name` belongs to, or the workspace that it is good for.
    """

    scope: Scope
    key_id: UUID
    name: str
    id: UUID
    secret: bool
    #: Whether the work has stored its answer itself; read only after it succeeded.
    kept: bool = False

    async def keep(self, transaction: Rows, answer: bytes) -> None:
        """Store the answer. Raises IdempotencyConflict if the claim was taken over."""
        self.kept = True
        kept = None if self.secret or len(answer) > MAX_KEPT else answer
        values = _KEEP.arguments(of_key=self.key_id, named=self.name, claimed=self.id, kept=kept)
        if not await transaction.fetch(_KEEP.text, values):
            raise IdempotencyConflict(Conflict.IN_PROGRESS)

    async def release(self, transaction: Rows) -> None:
        """Delete the claim unless an answer is stored under it."""
        values = _RELEASE.arguments(of_key=self.key_id, named=self.name, claimed=self.id)
        await transaction.fetch(_RELEASE.text, values)


#: Carries a request out under a claim; returns the answer of its success.
Work: TypeAlias = Callable[[Claim], Awaitable[bytes]]

#: Whether it is certain, given the error that work raised, that nothing was done.
LeftNoTrace: TypeAlias = Callable[[Exception], bool]


def is_key(text: str) -> bool:
    """Return whether a text is an idempotency key: 1 to `MAX_KEY` printable ASCII characters."""
    return 0 < len(text) <= MAX_KEY and text.isascii() and text.isprintable()


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """How long a request waits for another one with its key."""

    wait_s: float = 10.0
    #: How often to poll for a claim of another process.
    poll_s: float = 0.2
    #: Most requests of this process that wait; any more are refused at once.
    waiting: int = 1_000


class Idempotency:
    """Carries out each request with an idempotency key only once."""

    def __init__(self, repo: Repo, new_id: NewId, *, limits: WaitLimits | None = None) -> None:
        self._repo = repo
        self._new_id = new_id
        self._limits = limits or WaitLimits()
        #: The requests of this process that hold a claim, and all that try to get one.
        self._running: dict[tuple[Scope, UUID, str], asyncio.Task[Any]] = {}
        self._attempts: set[asyncio.Task[bytes | None]] = set()
        self._waiting = 0
        self._claims = count(1)

    async def once(
        self,
        caller: Caller,
        key: str,
        *,
        body: bytes,
        work: Work,
        secret: bool,
        had_no_effect: LeftNoTrace,
        route: str | None = None,
        wait_s: float | None = None,
    ) -> bytes:
        """Carry a request out, or return the stored answer of the same request.

        With a `route`, the key is good for that route in the whole workspace. A `secret`
        answer is not stored. An error that `had_no_effect` releases the key. The work runs to
        its end even if the client disconnects, because it may ask again. A duplicate waits
        for `wait_s` at most, if that is less than the limits allow. Raises
        IdempotencyConflict, Unavailable, and what the work and the caller's check raise.
        """
        claim = self._claim_of(caller, key, route=route, secret=secret)
        repo = self._repo.for_caller(caller.check)
        hashed = sha256(body).digest()
        most_s = self._limits.wait_s if wait_s is None else min(wait_s, self._limits.wait_s)
        deadline = asyncio.get_running_loop().time() + most_s
        while True:
            attempt = asyncio.create_task(
                self._attempt(repo, claim, hashed=hashed, work=work, had_no_effect=had_no_effect)
            )
            self._attempts.add(attempt)
            attempt.add_done_callback(self._finished)
            answer = await asyncio.shield(attempt)
            if answer is not None:
                return answer
            await self._wait(claim, deadline)

    def _claim_of(self, caller: Caller, key: str, *, route: str | None, secret: bool) -> Claim:
        owner, name = caller.key_id, key
        if route is not None:
            owner, name = caller.scope.workspace_id, f"{route}\n{key}"
        elif caller.operator is not None:
            name = f"{caller.operator.id}\n{key}"
        return Claim(caller.scope, owner, name, self._new_id(), secret)

    async def close(self) -> None:
        """Wait for running work; a statement's time-out bounds the wait."""
        await asyncio.gather(*self._attempts, return_exceptions=True)

    async def _attempt(
        self, repo: Repo, claim: Claim, *, hashed: bytes, work: Work, had_no_effect: LeftNoTrace
    ) -> bytes | None:
        """Claim the key and do the work; return None while another request holds the claim.

        This runs in a task that is never cancelled: a claim without work would block retries.
        """
        taken = await self._claim(repo, claim, hashed=hashed)
        if not isinstance(taken, Claim):
            return taken
        running, me = (claim.scope, claim.key_id, claim.name), asyncio.current_task()
        if me is None:
            raise AssertionError("an attempt is a task")
        self._running[running] = me
        try:
            return await self._carry_out(claim, work, had_no_effect=had_no_effect)
        finally:
            if self._running.get(running) is me:
                del self._running[running]

    async def _claim(self, repo: Repo, claim: Claim, *, hashed: bytes) -> bytes | Claim | None:
        """Take the claim or return the stored answer; None while another request holds it.

        The repo is the caller's, so a caller that waited is checked again before it gets an
        answer.
        """
        sweep = next(self._claims) % SWEEP_EVERY == 0

        async def take(transaction: Transaction) -> bytes | Claim | None:
            values = _TAKE.arguments(
                workspace=claim.scope.workspace_id,
                in_environment=claim.scope.environment.value,
                of_key=claim.key_id,
                named=claim.name,
                claimed=claim.id,
                hashed=hashed,
            )
            if await transaction.fetch(_TAKE.text, values):
                if sweep:
                    await transaction.fetch(_SWEEP.text, _SWEEP.arguments())
                return claim
            values = _FIND.arguments(of_key=claim.key_id, named=claim.name)
            found = await transaction.fetch(_FIND.text, values)
            return _stored_answer(found[0], hashed) if found else None

        try:
            return await repo.write(claim.scope, take)
        except LogBusy:  # the holder of the claim is storing its answer right now
            return None

    async def _wait(self, claim: Claim, deadline: float) -> None:
        """Wait a moment for the holder of the claim."""
        left_s = deadline - asyncio.get_running_loop().time()
        if left_s <= 0 or self._waiting >= self._limits.waiting:
            raise IdempotencyConflict(Conflict.IN_PROGRESS)
        running = self._running.get((claim.scope, claim.key_id, claim.name))
        self._waiting += 1
        try:
            if running is None:
                await asyncio.sleep(min(self._limits.poll_s, left_s))
            else:
                await asyncio.wait([running], timeout=left_s)
        finally:
            self._waiting -= 1

    async def _carry_out(self, claim: Claim, work: Work, *, had_no_effect: LeftNoTrace) -> bytes:
        try:
            answer = await work(claim)
        except Exception as error:
            untouched = isinstance(error, Unavailable) and error.reason.had_no_effect
            if untouched or had_no_effect(error):
                await self._release(claim)
            raise
        if not claim.kept:
            await self._keep(claim, answer)
        return answer

    async def _keep(self, claim: Claim, answer: bytes) -> None:
        try:
            await self._repo.write(claim.scope, lambda rows: claim.keep(rows, answer))
        except (Unavailable, IdempotencyConflict) as error:
            _log.warning("answer_not_remembered", error=type(error).__name__)

    async def _release(self, claim: Claim) -> None:
        try:
            await self._repo.write(claim.scope, claim.release)
        except Unavailable as error:
            _log.warning("claim_not_given_up", error=type(error).__name__)

    def _finished(self, attempt: "asyncio.Task[bytes | None]") -> None:
        self._attempts.discard(attempt)
        if not attempt.cancelled():
            attempt.exception()  # marks it as retrieved: its client may be gone


def _stored_answer(row: Row, hashed: bytes) -> bytes | None:
    """Return the stored answer, None if there is none yet. Raises IdempotencyConflict."""
    if row["body_hash"] != hashed:
        raise IdempotencyConflict(Conflict.OTHER_BODY)
    if row["done_at"] is None:
        return None
    if row["answer"] is None:
        raise IdempotencyConflict(Conflict.ANSWER_NOT_KEPT)
    return row["answer"]
