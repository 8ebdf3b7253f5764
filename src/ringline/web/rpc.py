"""RPC's routes: `/rpc/public/run` and `/rpc/public/validate` (events socket, 4.1).

A request is checked in this sequence: credentials, rate limit, body, and credentials again,
because reading a body takes time. A well-formed request is answered with HTTP 200, whether it
succeeds or not; others with the status in `RPC_ERRORS`. Operators' browsers call these routes,
so any origin may read the answers. The console has the same routes for people who signed in,
with another way to authenticate.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import structlog
from aiohttp import web

from ringline.domain import limits
from ringline.domain.unavailable import Unavailable
from ringline.ports import EntryRefused
from ringline.rpc.action import KEYED_KINDS, ActionKind
from ringline.rpc.engine import Engine
from ringline.rpc.request import find_action
from ringline.services.callers import Caller
from ringline.services.credentials import Credentials, Unrecognised
from ringline.services.idempotency import (
    CONFLICTS,
    MAX_KEY,
    Idempotency,
    IdempotencyConflict,
    is_key,
)
from ringline.web.authentication import Denied, retry_after, rpc_caller
from ringline.web.budget import OverBudget, Share
from ringline.web.cors import READABLE, preflight
from ringline.web.fair_share import REFUSAL_S, REQUEST_S
from ringline.web.rates import RateLimit
from ringline.web.requests import (
    PIECE_BYTES,
    BodyTooLarge,
    BrokenBody,
    open_share,
    origin_of,
    read_body,
    write_by_pieces,
)
from ringline.wire.errors import HttpRefusal, refuse_rpc
from ringline.wire.rpc import TAKES_SECRET_KEY, RpcRefused, answer_problems, problem
from ringline.wire.strict_json import JsonProblem, StrictDecoder

_log = structlog.get_logger(__name__)

_METHODS = "POST, OPTIONS"
#: The headers that a browser may send after its preflight.
_HEADERS = "authorization, content-type, x-api-key, idempotency-key"
_BODY = StrictDecoder(object, limits.RPC_BODY_MARKS)

#: Authenticates the caller of an action. Raises Turned, Unavailable.
Authenticate: TypeAlias = Callable[[web.Request], Awaitable[Caller]]

#: Answers a body, both parsed and as it arrived, for a caller.
Answering: TypeAlias = Callable[[web.Request, Caller, object, bytes], Awaitable[bytes]]


class Turned(Exception):
    """A request is refused before it runs."""

    def __init__(
        self, code: str, message: str | None = None, *, wait_s: int = 0, hint: str = ""
    ) -> None:
        super().__init__(code)
        self.refusal = refuse_rpc(code, message, details={"hint": hint} if hint else None)
        self.wait_s = wait_s


class Rpc:
    """The handlers of `/rpc/public/…`."""

    def __init__(
        self,
        engine: Engine,
        idempotency: Idempotency,
        *,
        authenticate: Authenticate,
        rate: RateLimit,
        headers: Mapping[str, str] = READABLE,
    ) -> None:
        self._engine = engine
        self._idempotency = idempotency
        self._authenticate = authenticate
        self._rate = rate
        #: Of every answer; by default any origin may read it.
        self._headers = {**headers, "Content-Type": "application/json; charset=utf-8"}

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Run a request."""
        return await self._serve(request, self._run)

    async def validate(self, request: web.Request) -> web.StreamResponse:
        """Validate a request without running it."""
        return await self._serve(request, self._validate)

    async def other_method(self, request: web.Request) -> web.StreamResponse:
        """Answer a CORS preflight; any other method is 405."""
        if request.method == "OPTIONS":
            return preflight(_METHODS, _HEADERS)
        refused = self._refuse(refuse_rpc("method_not_allowed"))
        refused.headers["Allow"] = _METHODS
        return refused

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        """Answer a CORS preflight; everything else is 404."""
        if request.method == "OPTIONS":
            return preflight(_METHODS, _HEADERS)
        return self._refuse(refuse_rpc("not_found"))

    async def _run(self, request: web.Request, caller: Caller, body: object, raw: bytes) -> bytes:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return await self._engine.run(caller, body)
        action = find_action(body)
        if action is None or action.kind not in KEYED_KINDS:
            return await self._engine.run(caller, body)
        if not is_key(key):
            text = f"an idempotency key has 1 to {MAX_KEY} printable ASCII characters"
            raise Turned("bad_request", text)
        return await self._idempotency.once(
            caller,
            key,
            body=raw,
            work=lambda claim: self._engine.run(caller, body, claim=claim),
            secret=action.secret,
            had_no_effect=action.had_no_effect,
        )

    async def _validate(
        self, request: web.Request, caller: Caller, body: object, raw: bytes
    ) -> bytes:
        return await self._engine.validate(caller, body)

    async def _serve(self, request: web.Request, answering: Answering) -> web.StreamResponse:
        """Authenticate a request, answer it, and report any error."""
        try:
            caller = await self._authenticate(request)
            if caller.user_id is not None:  # what members do is audited
                caller = replace(caller, origin=origin_of(request))
            share = open_share(request, caller.key_id, scope=caller.scope)
            wait_s = self._rate.take(_who(caller))
            await share.begin(REFUSAL_S if wait_s else REQUEST_S)
            if wait_s:
                raise Turned("rate_limited", wait_s=wait_s)
            raw = await _read(request, share)
            await caller.check()  # reading the body takes time
            body = _BODY.decode(raw)
            reads = _changes_nothing(body)
            if reads:
                await share.room()
            work = partial(answering, request, caller.paced_by(share.pace), body, raw)
            answer = await (_read_records(work, share) if _is_read(body) else work())
            share.charge_answer(len(answer))
            if reads:
                share.settle(len(answer))
        except RpcRefused as refused:
            answer = answer_problems(refused.problems)
        except Unrecognised:
            return self._refuse(refuse_rpc("unauthorized"))
        except Turned as turned:
            return self._refuse(turned.refusal, turned.wait_s)
        except Unavailable:
            return self._refuse(refuse_rpc("unavailable"), 1)
        except OverBudget:
            return self._refuse(refuse_rpc("rate_limited"), 1)
        except BodyTooLarge:
            return self._refuse(refuse_rpc("payload_too_large"))
        except JsonProblem as bad:
            return self._refuse(refuse_rpc("bad_request", bad.message))
        except BrokenBody:
            return self._refuse(refuse_rpc("bad_request"))
        except IdempotencyConflict as conflict:
            reason = conflict.reason
            refusal = refuse_rpc(
                "idempotency_conflict", CONFLICTS[reason], details={"reason": reason}
            )
            return self._refuse(refusal)
        except (ConnectionError, web.HTTPException):
            raise
        except Exception as error:  # a bug: log it without its text
            sqlstate = error.sqlstate or None if isinstance(error, EntryRefused) else None
            _log.error("rpc_failed", error=type(error).__name__, sqlstate=sqlstate)
            answer = _UNKNOWN
        if len(answer) > PIECE_BYTES:
            return await write_by_pieces(request, answer, headers=self._headers)
        return web.Response(body=answer, headers=self._headers)

    def _refuse(self, refusal: HttpRefusal, wait_s: int = 0) -> web.Response:
        headers = {**self._headers, **retry_after(wait_s)} if wait_s else self._headers
        return web.Response(status=refusal.status, body=refusal.body, headers=headers)


_UNKNOWN = answer_problems([problem("unknown_error", "something went wrong here")])


def _who(caller: Caller) -> Hashable:
    """Return whose rate counts: an operator's browser never uses up its key's."""
    operator = caller.operator
    return caller.key_id if operator is None else (caller.key_id, operator.id)


async def authenticate(request: web.Request, credentials: Credentials) -> Caller:
    """Authenticate the caller by a secret key or an operator token. Raises Turned, Unavailable."""
    caller = await rpc_caller(request, credentials)
    if isinstance(caller, Denied):
        if caller is Denied.UNKNOWN:
            raise Turned("unauthorized")
        raise Turned("forbidden", hint=TAKES_SECRET_KEY)
    return caller


def _changes_nothing(body: object) -> bool:
    """Return whether the action only read records or the log, so it may be refused."""
    action = find_action(body)
    return action is not None and (action.is_read or action.kind is ActionKind.GENERIC)


def _is_read(body: object) -> bool:
    """Return whether the action reads records."""
    action = find_action(body)
    return action is not None and action.is_read


async def _read_records(read: Callable[[], Awaitable[bytes]], share: Share) -> bytes:
    """Read records; once more if the room for the answer was gone. Raises OverBudget.

    Reads that begin together all find room, and some take it before the others do. Those begin
    again with room of their own, so the parallel reads of a page all succeed.
    """
    try:
        return await read()
    except OverBudget:
        await share.take_room()
        return await read()


async def _read(request: web.Request, share: Share) -> bytes:
    """Read a body with a JSON content type. Raises Turned, BodyTooLarge, BrokenBody."""
    kind = request.content_type
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise Turned("unsupported_media_type")
    if "Content-Encoding" in request.headers:
        raise Turned("unsupported_media_type", "the body must not be encoded")
    return await read_body(request, limits.RPC_BODY_BYTES.most, share=share)
