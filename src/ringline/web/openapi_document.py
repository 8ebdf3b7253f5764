"""The OpenAPI 3.1 document of the whole server: RPC and all other routes.

Every route comes from a row of `openapi_routes.ROUTES`. A socket is described by its upgrade:
OpenAPI cannot describe the frames that follow.
"""

from collections.abc import Iterator

from ringline.rpc import openapi
from ringline.rpc.openapi_schemas import Schema, ref, thing
from ringline.web.member_schemas import SHAPES, read, written
from ringline.web.openapi_routes import (
    CREDENTIALS,
    OPENAI_ENVELOPE,
    ROUTES,
    SERVER_SENT,
    V1_ENVELOPE,
    V3_ENVELOPE,
    HttpRoute,
    Parameter,
)
from ringline.wire.errors import V1_ERRORS, V3_ERRORS
from ringline.wire.openai_server_tables import OPENAI_ERRORS

_TAGS = {
    "Tokens": "Short-lived credentials for browsers",
    "Realtime voice": "A browser or a server talks to a voice model",
    "Live streams": "The events of one call, or of one thread of messages",
    "Workspace": "The workspace's own settings",
    "Agents": "The settings of AI voices",
    "API keys": "The secret keys of a workspace",
    "Calls": "Calls, their transcripts and their recordings",
    "Messages": "SMS and WhatsApp messages",
    "Conversations": "Threads of messages, and who answers them",
    "Opt-outs": "Contacts who want no more messages",
    "Analytics": "Figures about calls",
    "Numbers": "The phone numbers of a workspace, and who answers them",
    "Providers of messages": "What carriers of messages send to this server",
    "Webhooks": "Events sent to your server, and what became of each",
    "Events socket": "The events of a workspace",
    "Health": "Health checks",
}
_JSON = "application/json"
_BYTES: Schema = {"type": "string", "format": "binary"}
_DESCRIPTION = """\
RPC is below `/rpc/public`, tokens are minted below `/api`, calls are streamed and webhooks are \
managed below `/v1`, and voice sessions are opened below `/v3`.

"""


def make_document(version: str, base_url: str) -> Schema:
    """Build the document for a version of the server and its URL."""
    document = openapi.make_rpc_document(version)
    document["info"]["title"] = "Ringline API"
    document["info"]["description"] = _DESCRIPTION + document["info"]["description"]
    document["servers"] = [{"url": base_url}]
    document["tags"] += [{"name": name, "description": said} for name, said in _TAGS.items()]
    for route in ROUTES:
        document["paths"].setdefault(route.path, {})[route.method.lower()] = _operation(route)
    components = document["components"]
    components["schemas"] |= _error_schemas()
    components["securitySchemes"] |= {
        credential.name: {
            "type": "apiKey",
            "in": credential.where,
            "name": credential.parameter,
            "description": credential.means,
        }
        for credential in CREDENTIALS
    }
    return document


def _operation(route: HttpRoute) -> Schema:
    operation: Schema = {
        "operationId": route.operation,
        "summary": route.summary,
        "description": route.description,
        "tags": [route.tag],
        "security": [{name: []} for name in route.credentials] + [{}] * route.anonymous,
        "responses": dict(sorted(_responses(route))),
    }
    if route.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.asked:
        content = {_JSON: {"schema": read(route.asked)}}
        operation["requestBody"] = {"required": route.body_required, "content": content}
    return operation


def _parameter(parameter: Parameter) -> Schema:
    schema: Schema = dict(SHAPES[parameter.shape])
    if parameter.words:
        schema["enum"] = list(parameter.words)
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.means,
        "schema": schema,
    }


def _responses(route: HttpRoute) -> Iterator[tuple[str, Schema]]:
    for status, means in route.answers.items():
        answer: Schema = {"description": means, "headers": openapi.REQUEST_ID}
        if route.content_type not in (_JSON, SERVER_SENT):
            answer["content"] = {route.content_type: {"schema": _BYTES}}
        elif route.answered and status not in (101, 204):
            schema: Schema = {"schema": written(route.answered)}
            if route.content_type == SERVER_SENT:  # the schema of each `data:`
                schema = {"schema": {"type": "string", "contentSchema": schema["schema"]}}
            answer["content"] = {route.content_type: schema}
        yield str(status), answer
    yield from _refusals(route)


def _refusals(route: HttpRoute) -> Iterator[tuple[str, Schema]]:
    by_status: dict[int, list[str]] = {}
    for row in route.refusals:
        by_status.setdefault(row.status, []).append(f"`{row.code}`: {row.message}")
    for status, meanings in by_status.items():
        waits = openapi.RETRY_AFTER if status in (429, 503) else {}
        refusal: Schema = {
            "description": "; ".join(meanings),
            "headers": openapi.REQUEST_ID | waits,
            "content": {_JSON: {"schema": ref(route.envelope)}},
        }
        yield str(status), refusal


def _error_schemas() -> dict[str, Schema]:
    text: Schema = {"type": "string"}
    v3 = {"code": {"enum": list(V3_ERRORS)}, "message": text, "details": {}}
    theirs = {
        "message": text,
        "type": text,
        "code": {"enum": list(OPENAI_ERRORS)},
        "param": {"type": ["string", "null"]},
    }
    v1 = {
        "error_code": {"enum": list(V1_ERRORS)},
        "message": text,
        "request_id": text,
        "documentation_url": {"type": "string", "format": "uri"},
    }
    return {
        V3_ENVELOPE: thing({"error": thing(v3, ("code", "message"))}, ("error",)),
        V1_ENVELOPE: thing(v1, tuple(v1)),
        OPENAI_ENVELOPE: thing({"error": thing(theirs, tuple(theirs))}, ("error",)),
    }
