"""The engine: runs a read as one snapshot and a write as one transaction.

It only knows kinds of actions and the tables; anything else an action does is a function in
its row (`context.py`). A refused request raises `RpcRefused` with its problems,
`Unavailable`, which means that it may be retried, or whatever the caller's own check raises
if their rights ended while the request waited. The record that a write returns is read in the
same transaction.
"""

from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any, cast
from uuid import UUID

import msgspec

from ringline.domain import limits
from ringline.domain.audit import AuditOutcome
from ringline.domain.unavailable import Unavailable
from ringline.ports import EntryRefused, QueryTooSlow, Rows, Transaction
from ringline.rpc import audited, lookups, plain_rows
from ringline.rpc.action import ActionKind, Fixed
from ringline.rpc.constraints import refused_problem
from ringline.rpc.context import ActionContext, Change, Create, Generic, Services
from ringline.rpc.identity import read_identity
from ringline.rpc.inputs import cast_inputs
from ringline.rpc.lists import answer_list, read_list
from ringline.rpc.pages import BadCursor
from ringline.rpc.reader import Reader
from ringline.rpc.records import ResultTooLarge
from ringline.rpc.request import Asked, find_action, read_request
from ringline.services.audit import record_refusal
from ringline.services.callers import Caller, Pace, at_once
from ringline.services.idempotency import Claim
from ringline.services.repo import Repo
from ringline.wire.rpc import RpcRefused, refuse
from ringline.wire.strict_json import encode

#: Answers with fewer records than this are encoded at once, and so are small ones.
_FEW = 4
_LARGE_BYTES = 256 * 1024
_EMPTY = b"[]"
_NO_RESULTS = b'"results":[]'

#: Errors that RPC translates.
_NEUTRAL = (QueryTooSlow, ResultTooLarge, BadCursor, EntryRefused)

#: The answer to a valid request.
VALID = encode({"success": True})


class Engine:
    """Runs and validates requests of authenticated callers."""

    def __init__(self, services: Services, reader: Reader) -> None:
        self._services = services
        self._reader = reader

    async def run(self, caller: Caller, body: object, *, claim: Claim | None = None) -> bytes:
        """Run a request; return the answer if it succeeds.

        With a claim, the created record and the stored answer are one transaction. What a
        person may not do is recorded. Raises RpcRefused, Unavailable (it may have been written).
        """
        try:
            return await self._run(caller, body, claim=claim)
        except RpcRefused as refused:
            if caller.person is not None and refused.is_forbidden:
                await self._note_refusal(caller, body)
            raise

    async def _run(self, caller: Caller, body: object, *, claim: Claim | None) -> bytes:
        asked = read_request(caller, body)
        try:
            match asked.action.kind:
                case ActionKind.LIST:
                    return await _success_of_many(caller, await self._list(caller, asked))
                case ActionKind.GET:
                    return _success(await self._get(caller, asked))
                case ActionKind.CREATE:
                    return self._after(
                        caller, asked, answer=await self._create(caller, asked, claim=claim)
                    )
                case ActionKind.UPDATE:
                    return self._after(caller, asked, answer=await self._update(caller, asked))
                case ActionKind.DESTROY:
                    return self._after(caller, asked, answer=await self._destroy(caller, asked))
                case ActionKind.GENERIC:
                    return await self._act(caller, asked)
        except _NEUTRAL as refused:
            raise _refusal(asked, refused) from None

    async def validate(self, caller: Caller, body: object) -> bytes:
        """Validate a request without running it (4.11). Raises like `run`."""
        asked = read_request(caller, body, validating=True)
        try:
            if asked.action.kind in (ActionKind.UPDATE, ActionKind.DESTROY):
                identity = read_identity(
                    asked.action, asked.resource, given=asked.body.get("identity")
                )
                async with self._repo(caller).read(caller.scope) as rows:
                    before = await plain_rows.find(rows, asked.resource, identity=identity)
                if before is None:
                    raise refuse("not_found")
                if asked.action.kind is ActionKind.DESTROY:
                    plain_rows.check_destroy(asked.resource, before)
            self._values(caller, asked, validating=True)
        except _NEUTRAL as refused:
            raise _refusal(asked, refused) from None
        return VALID

    async def _list(self, caller: Caller, asked: Asked) -> object:
        action, selection = asked.action, asked.selection
        if selection is None:
            raise AssertionError("a read always has fields")
        values = self._values(caller, asked)
        request = read_list(
            asked.resource,
            selection,
            body=asked.body,
            pages=action.pages,
            operator=caller.operator is not None,
        )
        async with self._repo(caller).read(caller.scope) as rows:
            fixed: Fixed = () if action.seen is None else action.seen(caller)
            if values:
                fixed += await lookups.fixed_by(
                    rows, action, resource=asked.resource, values=values
                )
            listed = await self._reader.list(rows, request, fixed=fixed, pace=caller.pace)
        return answer_list(request, listed)

    async def _get(self, caller: Caller, asked: Asked) -> object:
        values = self._values(caller, asked)
        async with self._repo(caller).read(caller.scope) as rows:
            row_id = await lookups.find_one(
                rows, asked.action, resource=asked.resource, values=values
            )
            if row_id is None:
                raise refuse("not_found")
            return await self._record(rows, asked, row_id=row_id, pace=caller.pace)

    async def _create(self, caller: Caller, asked: Asked, *, claim: Claim | None) -> bytes:
        action, context = asked.action, self._acting(caller)
        values = self._values(caller, asked)

        async def work(transaction: Transaction) -> bytes:
            if action.act is None:
                row_id = await plain_rows.create(
                    context, transaction, action=action, resource=asked.resource, values=values
                )
            else:
                row_id = await cast("Create", action.act)(context, transaction, values)
            await audited.note_created(
                context,
                transaction,
                action=action,
                resource=asked.resource,
                row_id=row_id,
                values=values,
            )
            answer = _success(await self._record(transaction, asked, row_id=row_id))
            if claim is not None:
                await claim.keep(transaction, answer)
            return answer

        return await context.services.repo.write(caller.scope, work)

    async def _update(self, caller: Caller, asked: Asked) -> bytes:
        action, resource, context = asked.action, asked.resource, self._acting(caller)
        identity = read_identity(action, resource, given=asked.body.get("identity"))
        values = self._values(caller, asked)

        async def work(transaction: Transaction) -> bytes:
            plain = action.act is None
            before = await plain_rows.find(transaction, resource, identity=identity, lock=plain)
            if before is None:
                raise refuse("not_found")
            if plain:
                await plain_rows.update(
                    context,
                    transaction,
                    action=action,
                    resource=resource,
                    before=before,
                    values=values,
                )
            else:
                await cast("Change", action.act)(context, transaction, before["id"], values)
            await audited.note_changed(
                context,
                transaction,
                action=action,
                resource=resource,
                before=before,
                values=values,
            )
            return _success(await self._record(transaction, asked, row_id=before["id"]))

        return await context.services.repo.write(caller.scope, work)

    async def _destroy(self, caller: Caller, asked: Asked) -> bytes:
        """Delete a record and return it; a missing one counts as deleted (4.5)."""
        action, resource, context = asked.action, asked.resource, self._acting(caller)
        identity = read_identity(action, resource, given=asked.body.get("identity"))
        values = self._values(caller, asked)

        async def work(transaction: Transaction) -> bytes:
            plain = action.act is None
            before = await plain_rows.find(transaction, resource, identity=identity, lock=plain)
            if before is None:
                return _success({})
            answer = _success(await self._record(transaction, asked, row_id=before["id"]))
            if plain:
                await plain_rows.destroy(context, transaction, resource=resource, before=before)
            else:
                await cast("Change", action.act)(context, transaction, before["id"], values)
            await audited.note_deleted(
                context, transaction, action=action, resource=resource, before=before
            )
            return answer

        return await context.services.repo.write(caller.scope, work)

    def _after(self, caller: Caller, asked: Asked, *, answer: bytes) -> bytes:
        """Do what follows the commit of a record's change; return the answer."""
        if asked.action.after is not None:
            asked.action.after(self._services, caller.scope)
        return answer

    async def _act(self, caller: Caller, asked: Asked) -> bytes:
        action = asked.action
        values = self._values(caller, asked)
        if action.act is None:
            raise AssertionError("a generic action names its function")
        return _success(await cast("Generic", action.act)(self._acting(caller), values))

    async def _note_refusal(self, caller: Caller, body: object) -> None:
        """Record that a person was not allowed to do something, if that can be done now."""
        action = find_action(body)
        if action is None:
            raise AssertionError("only an action that exists can be forbidden")
        entry = self._acting(caller).auditor.entry(
            action.name,
            environment=None if action.team else caller.scope.environment,
            outcome=AuditOutcome.REFUSED,
        )

        async def work(transaction: Transaction) -> None:
            await record_refusal(transaction, entry)

        with suppress(Unavailable):  # the refusal counts, not its record
            await self._repo(caller).write(caller.scope, work)

    async def _record(
        self, rows: Rows, asked: Asked, *, row_id: UUID, pace: Pace = at_once
    ) -> object:
        """Read the record to return; without fields it is empty."""
        if asked.selection is None:
            return {}
        return await self._reader.one(
            rows, asked.resource, selection=asked.selection, row_id=row_id, pace=pace
        )

    def _repo(self, caller: Caller) -> Repo:
        return self._services.repo.for_caller(caller.check)

    def _values(
        self, caller: Caller, asked: Asked, *, validating: bool = False
    ) -> Mapping[str, Any]:
        """Cast the inputs and check them together. Raises RpcRefused."""
        values = cast_inputs(asked.action, asked.given, validating=validating)
        if asked.action.rule is None:
            return values
        try:
            asked.action.rule(self._acting(caller), values)
        except RpcRefused as refused:
            if not validating:
                raise
            problems = (
                msgspec.structs.replace(problem, path=problem.fields)
                for problem in refused.problems
            )
            raise RpcRefused(*problems) from None
        return values

    def _acting(self, caller: Caller) -> ActionContext:
        return ActionContext(caller, self._services.for_caller(caller.check), self._services.now())


def _success(data: object) -> bytes:
    answer = encode({"success": True, "data": data})
    if len(answer) > limits.ANSWER_BYTES.most:  # within a write, this rolls it back
        raise ResultTooLarge(limits.ANSWER_BYTES)
    return answer


async def _success_of_many(caller: Caller, data: object) -> bytes:
    """Encode a list's answer; a large one piece by piece, at the caller's pace."""
    page = cast("dict[str, object] | None", data if isinstance(data, dict) else None)
    records = cast("list[object]", data if page is None else page["results"])
    if len(records) < _FEW or (about := len(records) * len(encode(records[0]))) < _LARGE_BYTES:
        return _success(cast("object", data))
    await caller.pace(about, 0)
    whole = encode({"success": True, "data": [] if page is None else {**page, "results": []}})
    begin, end = whole.split(_EMPTY if page is None else _NO_RESULTS, 1)
    answer = BytesIO()  # grows in place, so nothing is joined at the end
    answer.write(begin + (_EMPTY[:1] if page is None else _NO_RESULTS[:-1]))
    size = answer.tell()
    waited = 0
    for number, record in enumerate(records):
        size += answer.write(b"," + encode(record) if number else encode(record))
        if size > limits.ANSWER_BYTES.most:
            raise ResultTooLarge(limits.ANSWER_BYTES)
        if size - waited > _LARGE_BYTES:
            await caller.pace(about, size - waited)
            waited = size
    size += answer.write(b"]" + end)
    if size > limits.ANSWER_BYTES.most:
        raise ResultTooLarge(limits.ANSWER_BYTES)
    return answer.getvalue()


def _refusal(
    asked: Asked, refused: QueryTooSlow | ResultTooLarge | BadCursor | EntryRefused
) -> Exception:
    """Translate an error of the database or the reader; a bug stays an exception."""
    match refused:
        case QueryTooSlow():
            return refuse("query_timeout")
        case ResultTooLarge():
            return refuse("result_too_large", variables={"limit": refused.limit.most})
        case BadCursor():
            return refuse("invalid_keyset")
        case EntryRefused():
            problem = refused_problem(asked.action, refused)
            return refused if problem is None else RpcRefused(problem)
