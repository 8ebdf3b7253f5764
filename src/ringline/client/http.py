"""A client's HTTP requests: tickets, session tokens and actions."""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
import msgspec

from ringline.wire.strict_json import JsonProblem, StrictDecoder

_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)

_NO_QUERY: Mapping[str, str] = MappingProxyType({})

T = TypeVar("T")


class ApiProblem(Exception):
    """A request failed; the text is a sentence for the user.

    `status` is the response's status, None if there was no response. `retry` says whether
    the same request may succeed later.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status

    @property
    def retry(self) -> bool:
        """Return whether a retry may succeed."""
        return self.status is None or self.status == 429 or self.status >= 500


class Ticket(msgspec.Struct, frozen=True):
    """A ticket for one voice session (realtime voice, 2.4)."""

    client_secret: str
    expires_at: str


class SessionToken(msgspec.Struct, frozen=True):
    """A token that allows watching for some minutes (events socket, 2)."""

    token: str
    expires_at: str
    ttl_seconds: int


class _V3Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _RpcError(msgspec.Struct, frozen=True):
    type: str = ""
    message: str = ""
    vars: dict[str, Any] = {}
    path: tuple[str | int, ...] = ()


class _Refusal(msgspec.Struct, frozen=True):
    """The error bodies of all surfaces in one struct; each sets its own members."""

    error: _V3Error | None = None
    errors: tuple[_RpcError, ...] = ()
    error_code: str = ""
    message: str = ""


class RpcAnswer(msgspec.Struct, frozen=True):
    """An action's response: `data`, or why it was refused (events socket, 4.2)."""

    success: bool
    data: Any = None
    errors: tuple[_RpcError, ...] = ()

    @property
    def problem(self) -> ApiProblem | None:
        """Return why the action was refused, as one sentence; None if it succeeded."""
        if self.success:
            return None
        reasons = "; ".join(map(_words_of, self.errors)) or "no reason is given"
        return ApiProblem(f"The server refused: {reasons}.", 200)


class AgentSummary(msgspec.Struct, frozen=True):
    """An agent of the workspace, and whether it answers new calls."""

    id: UUID
    name: str
    model: str
    enabled: bool


class Organisation(msgspec.Struct, frozen=True):
    """The workspace of a key, and the key's environment: `live` or `sandbox`."""

    id: UUID
    environment: str


class _Owned(msgspec.Struct, frozen=True):
    organisation: Organisation


class _OwnerPage(msgspec.Struct, frozen=True):
    results: tuple[_Owned, ...]


class _Phrase(msgspec.Struct, frozen=True):
    text: str


class _Local(msgspec.Struct, frozen=True):
    phrases: tuple[_Phrase, ...] = ()


class _Listener(msgspec.Struct, frozen=True):
    local: _Local | None = None


class _ListenerPage(msgspec.Struct, frozen=True):
    results: tuple[_Listener, ...]


_ticket = StrictDecoder(Ticket, marks=None)
_answer = StrictDecoder(RpcAnswer, marks=None)
_token = StrictDecoder(SessionToken, marks=None)
_refusal = StrictDecoder(_Refusal, marks=None)


@dataclass(frozen=True, slots=True)
class Api:
    """A server and a key to it. `url` is its base, such as `http://127.0.0.1:7400`."""

    url: str
    key: str
    http: aiohttp.ClientSession

    def __repr__(self) -> str:
        return f"Api({self.url!r})"

    async def mint_ticket(
        self,
        config: Mapping[str, object],
        agent_id: str | None = None,
        *,
        leash: Mapping[str, object] | None = None,
    ) -> Ticket:
        """Mint a ticket that binds a session's config, on a leash. Raises ApiProblem."""
        body: dict[str, object] = {**(leash or {}), "config": config}
        if agent_id is not None:
            body["agent_id"] = agent_id
        return await self.post("/v3/realtime-sessions", body, shape=_ticket)

    async def mint_session_token(self, ttl_seconds: int | None = None) -> SessionToken:
        """Mint a session token with a lifetime of 30 to 900 seconds. Raises ApiProblem."""
        body = {} if ttl_seconds is None else {"ttl_seconds": ttl_seconds}
        return await self.post("/api/realtime/session", body, shape=_token)

    async def run_action(self, request: Mapping[str, object]) -> RpcAnswer:
        """Run an action, given its whole body (events socket, 4.2). Raises ApiProblem."""
        return await self.post("/rpc/public/run", request, shape=_answer)

    async def list_agents(self) -> tuple[AgentSummary, ...]:
        """Return the workspace's agents, oldest first. Raises ApiProblem."""
        answer = await self.run_action(
            {
                "action": "list_ai_agents",
                "fields": list(AgentSummary.__struct_fields__),
                "sort": "id",  # ids sort by creation time
            }
        )
        if answer.problem is not None:
            raise answer.problem
        try:
            return msgspec.convert(answer.data, tuple[AgentSummary, ...])
        except msgspec.ValidationError:
            raise not_ringline(self.url) from None

    async def phrases_of(self, agent_id: str) -> tuple[str, ...]:
        """Return the phrases an agent of the local voice understands; none if unknown.

        Raises ApiProblem.
        """
        answer = await self.run_action(
            {
                "action": "list_ai_agents",
                "fields": ["local"],
                "filter": {"id": {"eq": agent_id}},
                "page": {"limit": 1},
            }
        )
        try:
            page = msgspec.convert(answer.data, _ListenerPage)
        except msgspec.ValidationError:  # refused, or the server does not know `local`
            return ()
        return tuple(
            phrase.text for agent in page.results if agent.local for phrase in agent.local.phrases
        )

    async def organisation(self) -> "Organisation":
        """Return the workspace of the key, by one of its agents or queues. Raises ApiProblem."""
        for action in ("list_ai_agents", "list_queues"):
            answer = await self.run_action(
                {
                    "action": action,
                    "fields": [{"organisation": list(Organisation.__struct_fields__)}],
                    "page": {"limit": 1},
                }
            )
            if answer.problem is not None:
                raise answer.problem
            try:
                page = msgspec.convert(answer.data, _OwnerPage)
            except msgspec.ValidationError:
                raise not_ringline(self.url) from None
            if page.results:
                return page.results[0].organisation
        raise ApiProblem("The workspace has neither an agent nor a queue.", 404)

    async def get(
        self, path: str, shape: StrictDecoder[T], *, query: Mapping[str, str] = _NO_QUERY
    ) -> T:
        """Read something of `/v1`. Raises ApiProblem."""
        return await self._ask("GET", path, shape=shape, query=query)

    async def post(self, path: str, body: object, *, shape: StrictDecoder[T]) -> T:
        """Post a body and read the answer. Raises ApiProblem."""
        return await self._ask("POST", path, shape=shape, body=body)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        shape: StrictDecoder[T],
        body: object = None,
        query: Mapping[str, str] = _NO_QUERY,
    ) -> T:
        with unreachable(self.url):
            async with self.http.request(
                method,
                self.url + path,
                params=query,
                json=body,
                headers=self.headers(),
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as answer:
                data = await answer.read()
                if answer.status // 100 != 2:
                    raise refused(answer.status, data)
        try:
            return shape.decode(data)
        except JsonProblem:
            raise not_ringline(self.url) from None

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key."""
        return {"Authorization": f"Bearer {self.key}"}


@asynccontextmanager
async def open_api(url: str, key: str) -> AsyncGenerator[Api]:
    """Open a client for a server."""
    async with aiohttp.ClientSession() as http:
        yield Api(url.rstrip("/"), key, http)


@contextmanager
def unreachable(url: str) -> Generator[None]:
    """Return an ApiProblem that says why a server cannot be reached."""
    try:
        yield
    except aiohttp.InvalidURL:
        raise ApiProblem(f"{url} is not a server's URL.", 400) from None
    except TimeoutError:
        raise ApiProblem(f"The server at {url} does not answer.") from None
    except (aiohttp.ClientError, OSError):
        raise ApiProblem(f"No server can be reached at {url}; is it running?") from None


def not_ringline(url: str) -> ApiProblem:
    """Return an ApiProblem for an answer that makes no sense."""
    return ApiProblem(f"What answers at {url} is no Ringline.", 200)


def refused(status: int, body: bytes, *, otherwise: str = "") -> ApiProblem:
    """Return a refusal as a sentence, in the surface's own words if it has any.

    `otherwise` is why, if the body does not say.
    """
    words = ""
    try:
        refusal = _refusal.decode(body)
    except JsonProblem:
        refusal = _Refusal()
    if refusal.error is not None:
        words = refusal.error.message or refusal.error.code
    elif refusal.errors:
        words = _words_of(refusal.errors[0])
    else:
        words = refusal.message or refusal.error_code
    words = words or otherwise
    if not words and status in (401, 403):
        words = "the key is not accepted"
    return ApiProblem(f"The server refused ({status}){': ' + words if words else ''}.", status)


def _words_of(error: _RpcError) -> str:
    """Describe an RPC error: its path and its filled-in message (events socket, 4.6)."""
    message = error.message or error.type
    for name, value in error.vars.items():
        message = message.replace(f"%{{{name}}}", str(value))
    place = ".".join(map(str, error.path))
    return f"{place}: {message}" if place else message
