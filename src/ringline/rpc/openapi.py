"""RPC's OpenAPI 3.1 document, generated from the tables (events socket, 4.1).

`RpcRequest` is a union discriminated by `action`, so that generators can produce a typed
client. The responses of `run` are a union too, without a discriminator: nothing in a response
names its action. Errors of well-formed requests are answered with 200; the other statuses are
errors of HTTP itself (contract, 9).
"""

from collections.abc import Iterable, Mapping

from ringline.rpc.action import ActionKind
from ringline.rpc.actions import ACTIONS
from ringline.rpc.examples import example_of
from ringline.rpc.openapi_actions import action_schemas, request_name, response_name
from ringline.rpc.openapi_schemas import (
    PAGE_REQUEST,
    Schema,
    list_schemas,
    predicate_schemas,
    ref,
    resource_schemas,
    thing,
    value_schemas,
)
from ringline.rpc.resources import RESOURCES
from ringline.services.idempotency import MAX_KEY
from ringline.wire.errors import RPC_ERRORS
from ringline.wire.rpc import PROBLEMS

RUN = "/rpc/public/run"
VALIDATE = "/rpc/public/validate"
TAG = "Public RPC"

_JSON = "application/json"
#: The refusals of an RPC endpoint; `bad_request` and so on name their status.
_REFUSALS = (
    "bad_request",
    "unauthorized",
    "forbidden",
    "payload_too_large",
    "unsupported_media_type",
    "rate_limited",
    "unavailable",
)
#: Response headers, as references to the components.
REQUEST_ID: Schema = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
RETRY_AFTER: Schema = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}

_DESCRIPTION = """\
Every action of a workspace is called by `POST /rpc/public/run`; `POST /rpc/public/validate` \
checks the same payload without doing anything. An answer is `{"success": true, "data": …}` \
or `{"success": false, "errors": […]}`, both with status 200.

Names are camelCase; snake_case is accepted too. Members of a request that nobody knows are \
ignored, those of `input`, `filter` and `page` are refused. A null beside `input` counts as \
absent. Integers may be given as digits in a string, booleans as "true" or "false"."""


def make_rpc_document(version: str) -> Schema:
    """Build the document for a version of the server."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringline RPC API",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": TAG, "description": "The actions of a workspace"},
        ],
        "security": [{"ApiKeyAuth": []}],
        "paths": {
            RUN: {"post": _run()},
            VALIDATE: {"post": _validate()},
        },
        "components": {
            "schemas": dict(sorted(dict(_schemas()).items())),
            "responses": {code: _refusal(code) for code in RPC_ERRORS},
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


# -- endpoints ------------------------------------------------------------------------------


def _run() -> Schema:
    idempotency: Schema = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "For create and generic actions: the same key with the same body within 24 hours "
            "returns the first answer again, with another body 409."
        ),
        "schema": {"type": "string", "pattern": f"^[!-~]{{1,{MAX_KEY}}}$"},
    }
    return {
        "operationId": "publicRpcRun",
        "summary": "Run a public RPC action",
        "tags": [TAG],
        "security": [{"ApiKeyAuth": []}, {"BearerAuth": []}],
        "parameters": [idempotency],
        "requestBody": _body(ref("RpcRequest"), _examples()),
        "responses": {
            "200": _ok("What the action answers, or why it was refused", ref("RpcRunResponse")),
            **_refusals(*_REFUSALS, "idempotency_conflict"),
        },
    }


def _validate() -> Schema:
    return {
        "operationId": "publicRpcValidate",
        "summary": "Check a payload without running its action",
        "tags": [TAG],
        "security": [{"ApiKeyAuth": []}, {"BearerAuth": []}],
        "requestBody": _body(ref("RpcValidationRequest"), _examples()),
        "responses": {
            "200": _ok("Whether the payload is valid", ref("ValidationResponse")),
            **_refusals(*_REFUSALS),
        },
    }


def _body(schema: Schema, examples: Schema | None = None) -> Schema:
    content: Schema = {"schema": schema}
    if examples is not None:
        content["examples"] = examples
    return {"required": True, "content": {_JSON: content}}


def _examples() -> Schema:
    return {
        action.name: {"summary": action.summary, "value": example_of(action)}
        for action in ACTIONS.values()
    }


def _ok(description: str, schema: Schema) -> Schema:
    return {
        "description": description,
        "headers": REQUEST_ID,
        "content": {_JSON: {"schema": schema}},
    }


# -- refusals -------------------------------------------------------------------------------


def _refusals(*codes: str) -> Schema:
    refused = sorted(codes, key=lambda code: RPC_ERRORS[code].status)
    return {
        str(RPC_ERRORS[code].status): {"$ref": f"#/components/responses/{code}"} for code in refused
    }


def _refusal(code: str) -> Schema:
    row = RPC_ERRORS[code]
    waits = row.status in (429, 503)
    error = {"allOf": [ref("RpcError"), {"properties": {"type": {"const": code}}}]}
    return {
        "description": row.short,
        "headers": REQUEST_ID | (RETRY_AFTER if waits else {}),
        "content": {_JSON: {"schema": _envelope(error)}},
    }


def _envelope(error: Schema) -> Schema:
    errors: Schema = {"type": "array", "items": error, "minItems": 1}
    return thing({"success": {"const": False}, "errors": errors}, ("success", "errors"))


# -- components -----------------------------------------------------------------------------


def _schemas() -> Iterable[tuple[str, Schema]]:
    yield from value_schemas()
    yield from predicate_schemas()
    for resource in RESOURCES.values():
        yield from resource_schemas(resource)
    for action in ACTIONS.values():
        yield from action_schemas(action)
        if action.kind is ActionKind.LIST and action.resource is not None:
            yield from list_schemas(action.resource)
    yield from _common_schemas()


def _common_schemas() -> Iterable[tuple[str, Schema]]:
    yield "RpcPage", PAGE_REQUEST
    yield "RpcInput", {"type": "object", "description": "The action's inputs."}
    yield (
        "RpcIdentity",
        {
            "description": "The record to act on: its id, or an object that identifies it.",
            "type": ["string", "object"],
        },
    )
    yield "RpcRequest", _request()
    yield "RpcValidationRequest", {"allOf": [ref("RpcRequest")]}
    answers = [ref("RpcErrorResponse"), *(ref(response_name(a)) for a in ACTIONS.values())]
    yield "RpcRunResponse", {"anyOf": answers}
    yield "RpcError", _error()
    yield "RpcErrorResponse", _envelope(ref("RpcError"))
    yield "ValidationSuccessResponse", thing({"success": {"const": True}}, ("success",))
    ways = [ref("ValidationSuccessResponse"), ref("RpcErrorResponse")]
    yield "ValidationResponse", {"oneOf": ways}


def _request() -> Schema:
    return {
        "type": "object",
        "required": ["action"],
        "properties": {
            "action": {"type": "string", "description": "What to do."},
            "input": ref("RpcInput"),
            "identity": ref("RpcIdentity"),
        },
        "oneOf": [ref(request_name(action)) for action in ACTIONS.values()],
        "discriminator": {
            "propertyName": "action",
            "mapping": {
                action.name: f"#/components/schemas/{request_name(action)}"
                for action in ACTIONS.values()
            },
        },
    }


def _error() -> Schema:
    names: Schema = {"type": "array", "items": {"type": "string"}}
    members: Mapping[str, Schema] = {
        "type": {"type": "string", "enum": list(dict.fromkeys([*PROBLEMS, *RPC_ERRORS]))},
        "message": {
            "type": "string",
            "description": "A sentence, filled in from `vars`.",
        },
        "shortMessage": {"type": "string"},
        "vars": {"type": "object"},
        "fields": names,
        "path": names
        | {"description": "The path to a bad value inside an input: members and indexes."},
        "details": {"type": "object"},
        "code": {"const": "internal_error"},
    }
    return thing(members, ("type", "message", "shortMessage", "vars", "fields", "path"))


_HEADERS: Schema = {
    "X-Request-Id": {
        "description": "The request's id, for reporting a problem.",
        "required": True,
        "schema": {"type": "string", "pattern": "^req_[0-9A-Za-z]{22}$"},
    },
    "Retry-After": {
        "description": "Whole seconds until the next request is allowed.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}

_SECURITY: Schema = {
    "ApiKeyAuth": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "A secret key of the workspace. It must never reach a browser.",
    },
    "BearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "description": "A secret key, or an operator token, which is safe in a browser.",
    },
}
