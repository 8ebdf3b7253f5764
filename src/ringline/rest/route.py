"""The rows of the table of routes under `/v1` (live streams, 1, 3.8 and 6).

A row says everything about a route: where it is, who may call it, what it takes, what it
answers, how it refuses, and the function that does it. The server's router, OpenAPI, the
documentation and the tests read the rows; `web/rest.py` serves them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from ringline.domain.audit import Actor
from ringline.domain.credentials import KeyKind, Surface
from ringline.domain.ids import Prefix
from ringline.domain.members import Member
from ringline.ports import Rows
from ringline.rest.context import CallerServices
from ringline.rpc.kinds import Kind
from ringline.services.audit import Auditor
from ringline.services.callers import Caller

Members: TypeAlias = tuple[Member, ...]


class Refused(Exception):
    """A request is refused with a code of `/v1` and a sentence; None is the code's own."""

    def __init__(self, code: str, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


class Accepts(Protocol):
    """What values a member or a parameter may have: a kind, as RPC has them, or one like it."""

    def cast(self, value: object) -> Any:
        """Return what a JSON value, or a query's text, means. Raises BadValue."""
        ...


@dataclass(frozen=True, slots=True)
class Input:
    """A member of a body or a parameter of a query: how it is described, what is accepted.

    It is required unless its member has a default; null counts as absent unless the member
    may be null.
    """

    member: Member
    kind: Accepts

    @property
    def name(self) -> str:
        """Return the member's name."""
        return self.member.name

    @property
    def required(self) -> bool:
        """Return whether a request without it is refused."""
        return self.member.default is None


@dataclass(frozen=True, slots=True)
class PathId:
    """An id in a path, in either form (contract, 1); one that cannot be read is 404."""

    name: str
    prefix: Prefix
    means: str


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page of a list: how many rows, and the values of the row that it follows."""

    size: int
    after: Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page: what is shown of its rows, and the values its token holds; None on the last.

    `beside` is what the answer has besides the rows.
    """

    rows: Sequence[Mapping[str, object]]
    last: Sequence[object] | None
    beside: Mapping[str, object] = field(default_factory=dict[str, object])


#: Stores what a request is answered in the transaction that does its work: a repeat with its
#: idempotency key gets that answer, even if the process dies right after the commit. Raises
#: IdempotencyConflict if another request with the key has taken over.
Keep: TypeAlias = Callable[[Rows, Mapping[str, object]], Awaitable[None]]


async def keep_nothing(rows: Rows, answer: Mapping[str, object]) -> None:
    """Store nothing: the request has no idempotency key."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as a route's function sees it.

    `given` are the members of the body and `query` the parameters that were sent, cast; what
    is absent was not sent. `parts` are the path's, besides its ids. `kind` is the kind of the
    caller's key. An idempotent route whose work is one transaction should `keep` its answer's
    members in it.
    """

    caller: Caller
    kind: KeyKind
    services: CallerServices
    now: datetime
    ids: Mapping[str, UUID] = field(default_factory=dict[str, UUID])
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    page: PageAsked = PageAsked(0, None)
    keep: Keep = keep_nothing
    #: Whom the audit log names, of the routes on keys.
    actor: Actor | None = None

    @property
    def auditor(self) -> Auditor:
        """Return what makes the audit log's entries of the request."""
        return Auditor(self.actor, self.now, self.services.house.new_id, self.caller.origin)


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file, which is sent as it stands, whole or in part; whoever sends it closes it.

    `etag` names its contents. `read` is called in a thread with a place and a size; it
    returns no more than that and at least a byte, and raises OSError.
    """

    name: str
    size: int
    etag: str
    read: Callable[[int, int], bytes]
    close: Callable[[], None]


#: Does what a route is for; returns the answer's members, or None for an empty one.
#: Raises Refused, and what the services raise.
Act: TypeAlias = Callable[[Request], Awaitable[Mapping[str, object] | Listed | FileAnswer | None]]


@dataclass(frozen=True, slots=True)
class Paging:
    """How a list is paged: the answer's key, and the kinds of the values in its tokens.

    `beside` are the answer's members besides the list. Routes that page the same list name it
    as `tokens`, so that each takes the tokens of the others; by default it is the operation.
    """

    key: str
    kinds: tuple[Kind, ...]
    beside: Members = ()
    tokens: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    `parts` are parameters of the path that are no ids. `errors` are codes besides those of
    every route. A route that is `live_only` changes what
    spans environments, so a `sk_test_` key is refused (contract, 6). One that `spans` them
    shows and changes rows of both to a `sk_live_` key. A body that has an `unsettable` member is
    refused, whatever its value.

    An `idempotent` route carries a request with an `Idempotency-Key` out once (live streams,
    1.8); if it answers with a `secret`, the answer is not kept for repeats.

    A route that answers a `file` names its media type. Browsers play it: a playback token is a
    credential there, also as `?token=`, and any origin may read it. `key_in` is the member of
    the body that holds the key, of a route that takes no credential elsewhere. A route that
    `mints` is counted in the key's rate of mints too.
    """

    method: str
    path: str
    operation: str
    tag: str
    summary: str
    act: Act
    #: What the answer is, for the documentation.
    means: str
    description: str = ""
    status: int = 200
    ids: tuple[PathId, ...] = ()
    parts: tuple[Input, ...] = ()
    query: tuple[Input, ...] = ()
    body: tuple[Input, ...] = ()
    unsettable: tuple[str, ...] = ()
    answers: Members = ()
    paging: Paging | None = None
    errors: tuple[str, ...] = ()
    surface: Surface = Surface.REST
    live_only: bool = False
    spans: bool = False
    idempotent: bool = False
    secret: bool = False
    file: str | None = None
    key_in: str | None = None
    mints: bool = False

    @property
    def body_required(self) -> bool:
        """Return whether a request without a body is refused."""
        return any(one.required for one in self.body)
