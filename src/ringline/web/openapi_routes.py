"""Every HTTP route other than RPC, as a table for OpenAPI and `/docs`.

A test compares the table with the server's router. `docs/reference` describes the frames on
an open socket, which OpenAPI cannot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ringline.domain.members import Member, Shape
from ringline.rest import routes as rest
from ringline.rest.pages import NEXT
from ringline.rest.reading import PAGED
from ringline.rest.route import Route
from ringline.services.idempotency import MAX_KEY
from ringline.wire import (
    models,
    openai_client_secrets,
    operator_access,
    realtime_mint,
    session_token,
)
from ringline.wire.conversation_members import FRAME as CONVERSATION
from ringline.wire.errors import RPC_ERRORS, V1_ERRORS, V3_ERRORS, HttpError
from ringline.wire.openai_server_tables import OPENAI_ERRORS
from ringline.wire.payload_members import TRANSCRIPT, Members

SERVER_SENT = "text/event-stream"
#: The names of the error envelopes in the components.
RPC_ENVELOPE, V1_ENVELOPE, V3_ENVELOPE = "RpcErrorResponse", "V1Error", "V3Error"
OPENAI_ENVELOPE = "OpenAIError"


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to authenticate: a security scheme of OpenAPI."""

    name: str
    where: str
    parameter: str
    means: str


TICKET = Credential(
    "Ticket",
    "query",
    "ticket",
    "A ticket, once. Prefer the subprotocol `opper-ticket.<client_secret>`, because "
    "URLs end up in logs.",
)
STREAM_TOKEN = Credential(
    "StreamToken",
    "query",
    "token",
    "A session token or a secret key, for clients that cannot set a header, which overrides it.",
)
SESSION_TOKEN = Credential(
    "SessionToken",
    "query",
    "session_token",
    "A session or operator token; also accepted as a subprotocol or `Authorization: Bearer`.",
)
PLAYBACK_TOKEN = Credential(
    "PlaybackToken",
    "query",
    "token",
    "A playback token of `POST /v1/auth/session`, for `<audio>`; the header is looked at first.",
)
CREDENTIALS = (TICKET, STREAM_TOKEN, SESSION_TOKEN, PLAYBACK_TOKEN)
_KEY = ("ApiKeyAuth", "BearerAuth")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in a request's path, query or headers."""

    name: str
    where: str
    means: str
    words: tuple[str, ...] = ()
    shape: Shape = Shape.TEXT


def _query(members: Members) -> tuple[Parameter, ...]:
    """Return the parameters of a query that a table of members describes."""
    return tuple(
        Parameter(member.name, "query", member.means, member.words, member.shape)
        for member in members
    )


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """One row: method, path, credentials, request and responses."""

    method: str
    path: str
    operation: str
    tag: str
    summary: str
    description: str
    #: Statuses other than refusals, with their meanings.
    answers: Mapping[int, str]
    credentials: tuple[str, ...] = ()
    #: Whether a request without a credential is answered as well.
    anonymous: bool = False
    parameters: tuple[Parameter, ...] = ()
    #: Members of the request's body, and of the response's JSON or the event's data.
    asked: Members = ()
    body_required: bool = True
    answered: Members = ()
    content_type: str = "application/json"
    #: The refusals: rows of the surface's table of errors, and the name of its envelope.
    refusals: tuple[HttpError, ...] = ()
    envelope: str = ""


def _rows(table: Mapping[str, HttpError], *codes: str) -> tuple[HttpError, ...]:
    return tuple(table[code] for code in codes)


_CALL_ID = Parameter("id", "path", "the call's id, in either form")
_SINCE = "a position or event id to resume from; `0` is the beginning"
_RESUMES = tuple(
    Parameter(name, "query", _SINCE) for name in ("since", "lastEventId", "last_event_id")
)
_STREAM_REFUSALS = _rows(
    V1_ERRORS,
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "RATE_LIMITED",
    "INTERNAL",
    "UNAVAILABLE",
)
_POLLED = (
    Member("status", Shape.INTEGER, "what became of the request"),
    Member("token", Shape.TEXT, "the long-poll token for the next", null=True, optional=True),
    Member("messages", Shape.TEXT, "frames, each a text", many=True, optional=True),
)
_STATUS = Member("status", Shape.TEXT, "in a word", words=("ok",))

_MINT_REFUSALS = _rows(
    RPC_ERRORS,
    "bad_request",
    "unauthorized",
    "forbidden",
    "request_timeout",
    "payload_too_large",
    "rate_limited",
    "internal_error",
    "unavailable",
)

#: The refusals of a body, by HTTP itself.
_OF_BODIES = (
    (408, "the body did not come in time"),
    (413, "the body is too large"),
    (415, "the body must not be encoded"),
)
#: The refusals of every row of `/v1`'s table of routes.
_REST_CODES = (
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "RATE_LIMITED",
    "INTERNAL",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
)


_PART = "The range of it that was asked for"
_NOT_WITHIN = "the range is not within the file"
_RANGES = (
    Parameter("Range", "header", "one range of bytes; several are answered with the whole"),
    Parameter("If-Range", "header", "an `ETag`: with another one, the whole is answered"),
)
_IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    f"1 to {MAX_KEY} visible ASCII characters: a repeat with the same key and body is answered "
    "without being carried out again, for 24 hours",
)


def _of_rest(route: Route) -> HttpRoute:
    """Return a row of `/v1`'s table as a row of this one."""
    codes = {
        *_REST_CODES,
        *(("NOT_FOUND",) if route.ids else ()),
        *(("IDEMPOTENCY_CONFLICT",) if route.idempotent else ()),
        *route.errors,
    }
    refusals = _rows(V1_ERRORS, *(code for code in V1_ERRORS if code in codes))
    if route.body:
        too_late = V1_ERRORS["INVALID_ARGUMENT"]
        refusals += tuple(
            replace(too_late, status=status, message=message) for status, message in _OF_BODIES
        )
    if route.file:
        refusals += (replace(V1_ERRORS["INVALID_ARGUMENT"], status=416, message=_NOT_WITHIN),)
    query = (*route.query, *PAGED) if route.paging else route.query
    return HttpRoute(
        route.method,
        route.path,
        route.operation,
        route.tag,
        route.summary,
        route.description,
        {route.status: route.means, **({206: _PART} if route.file else {})},
        _credentials(route),
        parameters=(
            *(Parameter(one.name, "path", f"{one.means}, in either form") for one in route.ids),
            *(Parameter(one.name, "path", one.member.means) for one in route.parts),
            *_query(tuple(one.member for one in query)),
            *((_IDEMPOTENCY_KEY,) if route.idempotent else ()),
            *(_RANGES if route.file else ()),
        ),
        asked=tuple(one.member for one in route.body),
        body_required=route.body_required,
        answered=_answered(route),
        content_type=route.file or "application/json",
        refusals=refusals,
        envelope=V1_ENVELOPE,
    )


def _credentials(route: Route) -> tuple[str, ...]:
    if route.key_in:
        return ()
    return (*_KEY, PLAYBACK_TOKEN.name) if route.file else _KEY


def _answered(route: Route) -> Members:
    """Return the members of an answer; of a list, with its token."""
    if route.paging is None:
        return route.answers
    rows = Member(route.paging.key, Shape.OBJECT, "newest first", members=route.answers, many=True)
    token = Member(NEXT, Shape.TEXT, "for the next page; absent on the last", optional=True)
    return (*route.paging.beside, rows, token)


_PROVIDER = Parameter("provider", "path", "the provider's name in `MESSAGING_FILE`")
_CARRIER_REFUSALS = _rows(
    V1_ERRORS,
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "NOT_FOUND",
    "RATE_LIMITED",
    "INTERNAL",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
) + tuple(
    replace(V1_ERRORS["INVALID_ARGUMENT"], status=status, message=message)
    for status, message in _OF_BODIES
)

ROUTES: tuple[HttpRoute, ...] = (
    HttpRoute(
        "POST",
        "/api/realtime/session",
        "createSessionToken",
        "Tokens",
        "Mint a token for watching a workspace's events",
        "For a browser, which must never hold a key: it opens the events socket and the live "
        "streams.",
        {200: "The token"},
        _KEY,
        asked=session_token.ASKED,
        body_required=False,
        answered=session_token.ANSWERED,
        refusals=_MINT_REFUSALS,
        envelope=RPC_ENVELOPE,
    ),
    HttpRoute(
        "POST",
        "/api/operator/access",
        "createOperatorAccess",
        "Tokens",
        "Mint a token that lets an operator's browser call operator actions",
        "Mint it in your backend, for somebody who has signed in there.",
        {200: "The token"},
        _KEY,
        asked=operator_access.ASKED,
        answered=operator_access.ANSWERED,
        refusals=(*_MINT_REFUSALS, RPC_ERRORS["not_found"]),
        envelope=RPC_ENVELOPE,
    ),
    HttpRoute(
        "POST",
        "/v3/realtime-sessions",
        "createRealtimeSession",
        "Realtime voice",
        "Mint a ticket that opens one voice session",
        "For a browser, which must never hold a key. Unknown members are ignored.",
        {200: "The ticket"},
        _KEY,
        asked=realtime_mint.ASKED,
        answered=realtime_mint.ANSWERED,
        refusals=_rows(
            V3_ERRORS,
            "invalid_json",
            "invalid_request",
            "invalid_config",
            "unsupported_audio_format",
            "model_not_found",
            "model_not_realtime",
            "unknown_locked_field",
            "agent_not_found",
            "unauthorized",
            "request_timeout",
            "payload_too_large",
            "rate_limited",
            "internal_error",
            "unavailable",
        ),
        envelope=V3_ENVELOPE,
    ),
    HttpRoute(
        "DELETE",
        "/v3/realtime-sessions/{id}",
        "endRealtimeSession",
        "Realtime voice",
        "End a voice session, or revoke its unused ticket",
        "A live session gets `session.terminating` with `revoked`; one that has ended stays as "
        "it is.",
        {204: "The session has ended, or the ticket opens nothing any more"},
        _KEY,
        parameters=(
            Parameter("id", "path", "the mint's `id`, `sess_…`; its UUID is accepted too"),
        ),
        refusals=_rows(V3_ERRORS, "unauthorized", "not_found", "internal_error", "unavailable"),
        envelope=V3_ENVELOPE,
    ),
    HttpRoute(
        "GET",
        "/v3/models",
        "listModels",
        "Realtime voice",
        "List the models, and what a config may ask of each",
        "Without a credential: what everyone may use. With a key: what its workspace may use in "
        "its environment. Unknown parameters are ignored.",
        {200: "A page of the list"},
        _KEY,
        anonymous=True,
        parameters=_query(models.ASKED),
        answered=models.ANSWERED,
        refusals=_rows(
            V3_ERRORS,
            "invalid_request",
            "unauthorized",
            "rate_limited",
            "internal_error",
            "unavailable",
        ),
        envelope=V3_ENVELOPE,
    ),
    HttpRoute(
        "GET",
        "/v3/realtime",
        "openRealtimeSession",
        "Realtime voice",
        "Open a voice session: a WebSocket",
        "Its events, errors and close codes: `docs/reference/realtime.md`. If a ticket is "
        "offered, any key is ignored.",
        {101: "The session is open; the first frame must be `session.start`"},
        (TICKET.name, *_KEY),
        refusals=_rows(
            V3_ERRORS,
            "upgrade_required",
            "unauthorized",
            "forbidden",
            "rate_limited",
            "concurrency_limit",
            "internal_error",
            "unavailable",
        ),
        envelope=V3_ENVELOPE,
    ),
    HttpRoute(
        "POST",
        "/v1/realtime/client_secrets",
        "createRealtimeClientSecret",
        "Realtime voice",
        "Mint a client secret for OpenAI's realtime protocol",
        "For a browser, which must never hold a key. The answer has the members of OpenAI's own.",
        {200: "The client secret"},
        _KEY,
        asked=openai_client_secrets.ASKED,
        answered=openai_client_secrets.ANSWERED,
        refusals=_rows(
            OPENAI_ERRORS,
            "invalid_json",
            "invalid_request",
            "invalid_config",
            "invalid_value",
            "unsupported_value",
            "unsupported_audio_format",
            "model_not_found",
            "model_not_realtime",
            "agent_not_found",
            "invalid_api_key",
            "request_timeout",
            "payload_too_large",
            "rate_limit_exceeded",
            "internal_error",
            "unavailable",
        ),
        envelope=OPENAI_ENVELOPE,
    ),
    HttpRoute(
        "GET",
        "/v1/realtime",
        "openOpenAIRealtimeSession",
        "Realtime voice",
        "Open a voice session in OpenAI's realtime protocol: a WebSocket",
        "Its events and errors: `docs/reference/openai.md`. Browsers offer the subprotocols "
        "`realtime` and `openai-insecure-api-key.<client secret>`; a client secret can also be "
        "sent as the key.",
        {101: "The session is open; the first event is `session.created`"},
        _KEY,
        parameters=(
            Parameter(
                "model", "query", "a model's id; required unless the client secret binds one"
            ),
        ),
        refusals=_rows(
            OPENAI_ERRORS,
            "upgrade_required",
            "invalid_request",
            "model_not_found",
            "model_not_realtime",
            "invalid_api_key",
            "forbidden",
            "rate_limit_exceeded",
            "concurrency_limit",
            "internal_error",
            "unavailable",
        ),
        envelope=OPENAI_ENVELOPE,
    ),
    HttpRoute(
        "GET",
        "/v1/calls/{id}/transcript/stream",
        "streamTranscript",
        "Live streams",
        "Follow what is said on a call: server-sent events",
        "Partial turns are sent as they grow, finished ones with an `id:` to resume from.",
        {
            200: "The stream; it ends with the call",
            204: "The call is over and nothing is left to send; an `EventSource` stops",
        },
        (*_KEY, STREAM_TOKEN.name),
        parameters=(
            _CALL_ID,
            Parameter("replay", "query", "begin with the finished turns", ("1",)),
            Parameter("Last-Event-ID", "header", _SINCE),
            *_RESUMES,
        ),
        answered=TRANSCRIPT,
        content_type=SERVER_SENT,
        refusals=_STREAM_REFUSALS,
        envelope=V1_ENVELOPE,
    ),
    HttpRoute(
        "GET",
        "/v1/calls/{id}/stream",
        "streamCall",
        "Live streams",
        "Follow the events of a call: a WebSocket",
        "One envelope in each frame: `docs/reference/event-payloads.md`.",
        {101: "The socket is open; it closes after `call.completed`"},
        (*_KEY, STREAM_TOKEN.name),
        parameters=(_CALL_ID, *_RESUMES[:1]),
        refusals=(*_STREAM_REFUSALS, V1_ERRORS["UPGRADE_REQUIRED"]),
        envelope=V1_ENVELOPE,
    ),
    HttpRoute(
        "GET",
        "/v1/conversations/{id}/stream",
        "streamConversation",
        "Live streams",
        "Follow a thread of messages: server-sent events",
        "Each event has an `id:` to resume from. The credential goes into a header: this stream "
        "takes none in its query.",
        {200: "The stream; it ends when you leave"},
        _KEY,
        parameters=(
            Parameter("id", "path", "the conversation's id, in either form"),
            Parameter("Last-Event-ID", "header", _SINCE),
            *_RESUMES,
        ),
        answered=CONVERSATION,
        content_type=SERVER_SENT,
        refusals=_STREAM_REFUSALS,
        envelope=V1_ENVELOPE,
    ),
    *map(_of_rest, rest.ROUTES),
    HttpRoute(
        "POST",
        "/v1/messaging/{provider}/inbound",
        "receiveProvidersMessage",
        "Providers of messages",
        "Take in a message that a provider received",
        "For providers of messages, not for clients: the credential is the signature that "
        "`MESSAGING_FILE` describes, and so is the body. One that comes twice is taken in once.",
        {204: "It is taken in", 200: "It is taken in; of a provider that expects a body"},
        parameters=(_PROVIDER,),
        refusals=_CARRIER_REFUSALS,
        envelope=V1_ENVELOPE,
    ),
    HttpRoute(
        "POST",
        "/v1/messaging/{provider}/receipts",
        "receiveProvidersReceipt",
        "Providers of messages",
        "Take in what became of a message",
        "For providers of messages, as above. A receipt that tells nothing new changes nothing; "
        "404 until the answer that named the message is recorded.",
        {204: "It is taken in", 200: "It is taken in; of a provider that expects a body"},
        parameters=(_PROVIDER,),
        refusals=_CARRIER_REFUSALS,
        envelope=V1_ENVELOPE,
    ),
    HttpRoute(
        "GET",
        "/socket/websocket",
        "openEventsSocket",
        "Events socket",
        "Follow a workspace: a Phoenix WebSocket",
        "Clients of Phoenix channels append `/websocket` to the URL themselves. The topic "
        "`events` is the whole workspace. Payloads: `docs/reference/event-payloads.md`.",
        {
            101: "The socket is open",
            400: "Not a WebSocket upgrade; the body is empty",
            403: "No valid token, or too many sockets; the body is empty",
            503: "The service is not available now; the body is empty",
        },
        (SESSION_TOKEN.name, "BearerAuth"),
        parameters=(Parameter("vsn", "query", "the version of the frames, `1.0.0` or `2.0.0`"),),
    ),
    HttpRoute(
        "GET",
        "/socket/longpoll",
        "pollEventsSocket",
        "Events socket",
        "Follow a workspace by long polling",
        "The same session for clients without a WebSocket; Phoenix clients append `/longpoll`. "
        "The status that counts is in the body. See `docs/reference/long-polling.md`.",
        {200: "In the body: 200 messages, 204 none, 410 a new session, 403 refused, 500 try again"},
        (SESSION_TOKEN.name, "BearerAuth"),
        parameters=(
            Parameter("vsn", "query", "the version of the frames, `1.0.0` or `2.0.0`"),
            Parameter("token", "query", "the long-poll token of the last answer; none at first"),
        ),
        answered=_POLLED,
    ),
    HttpRoute(
        "POST",
        "/socket/longpoll",
        "sendToEventsSocket",
        "Events socket",
        "Send frames to a long-poll session",
        "The body is up to 100 frames, one a line, as `application/x-ndjson`: text, or base64 of a "
        "binary frame. A body of any other type is one frame.",
        {200: "In the body: 200 taken, 400 or 413 a bad body, 408 too late, 410 no such session"},
        parameters=(Parameter("token", "query", "a long-poll token of the session"),),
        answered=_POLLED[:1],
    ),
    HttpRoute(
        "GET",
        "/healthz",
        "health",
        "Health",
        "Check that the process is running",
        "For a liveness check: it never queries the database.",
        {200: "It runs"},
        answered=(_STATUS,),
    ),
    HttpRoute(
        "GET",
        "/readyz",
        "readiness",
        "Health",
        "Check that the server accepts calls",
        "For a load balancer.",
        {200: "Calls are taken", 503: "Calls are refused while the database is unavailable"},
        answered=(Member("status", Shape.TEXT, "in a word", words=("ready", "unavailable")),),
    ),
)
