"""The OpenAPI document of the whole server is valid, and holds every route there is."""

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from ringline.rpc import openapi
from ringline.web.console_routes import API
from ringline.web.console_routes import ROUTES as CONSOLE_ROUTES
from ringline.web.docs_page import make_page
from ringline.web.openapi_document import make_document
from ringline.web.openapi_routes import ROUTES, HttpRoute
from ringline.wire.errors import V1_ERRORS, V3_ERRORS
from tests.routes import routes_of_the_server

DOCUMENT = make_document("1.2.3", "https://example.com/voice")

#: What is no interface: preflights, catch-alls, other spellings of a path, pages for people.
UNDOCUMENTED = {
    ("OPTIONS", "/v1/calls/{id}/transcript/stream"),
    ("OPTIONS", "/v1/conversations/{id}/stream"),
    ("*", "/socket/websocket"),
    ("*", "/socket/longpoll"),
    ("OPTIONS", "/socket/longpoll"),
    ("*", "/rpc/public/{tail}"),
    ("*", "/rpc/public/run"),
    ("*", "/rpc/public/validate"),
    ("GET", "/v3/realtime/"),
    ("GET", "/v1/realtime/"),
    ("OPTIONS", "/v3/models"),
    ("OPTIONS", "/v1/calls/{call_id}/recording"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/"),
    ("GET", "/talk"),
    ("POST", "/talk/ticket"),
    ("GET", "/talk/agents"),
    ("GET", "/talk/{name}"),
    # Those of the console are for its pages alone: docs/reference/console.md.
    ("GET", "/console"),
    ("GET", "/console/{name}"),
    ("*", f"{API}/{{tail}}"),
    *((route.method, API + route.path) for route in CONSOLE_ROUTES),
}


def test_the_document_is_valid() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))
    assert DOCUMENT["servers"] == [{"url": "https://example.com/voice"}]


def test_every_route_of_the_server_is_documented() -> None:
    documented = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert documented == routes_of_the_server() - UNDOCUMENTED
    alone = {("POST", path) for path in openapi.make_rpc_document("1")["paths"]}
    assert documented - alone == {(route.method, route.path) for route in ROUTES}


def test_operations_and_credentials_have_one_meaning() -> None:
    operations: list[dict[str, Any]] = [
        operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    schemes = DOCUMENT["components"]["securitySchemes"]
    used = {name for operation in operations for way in operation["security"] for name in way}
    assert used == set(schemes)
    assert {tag for one in operations for tag in one["tags"]} == {
        tag["name"] for tag in DOCUMENT["tags"]
    }


def test_a_route_that_needs_no_credential_says_so() -> None:
    operation = DOCUMENT["paths"]["/v3/models"]["get"]
    assert operation["security"] == [{"ApiKeyAuth": []}, {"BearerAuth": []}, {}]
    assert "Credential: a secret key in <code>x-api-key</code>" in make_page("1.2.3")
    assert "; or none." in make_page("1.2.3")
    assert DOCUMENT["paths"]["/healthz"]["get"]["security"] == []
    assert {} not in DOCUMENT["paths"]["/v3/realtime"]["get"]["security"]


def test_the_parameters_of_a_query_have_types() -> None:
    described = {
        one["name"]: one["schema"] for one in DOCUMENT["paths"]["/v3/models"]["get"]["parameters"]
    }
    assert described["limit"] == {"type": "integer"}
    assert described["deprecated"] == {"type": "boolean"}
    assert described["order"] == {"type": "string", "enum": ["asc", "desc"]}
    assert described["q"] == {"type": "string"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_the_page_shows_every_route(route: HttpRoute) -> None:
    page = make_page("1.2.3")
    assert f'<section id="{route.operation}"' in page
    assert f"<h3>{route.method} {route.path}</h3>" in page


def test_every_error_can_be_linked_to() -> None:
    page = make_page("1.2.3")
    for code in (*V1_ERRORS, *V3_ERRORS):
        assert page.count(f'id="{code}"') == 1
