"""The documentation page's sections on routes other than RPC, from their table."""

from collections.abc import Iterator, Mapping

from ringline.domain.members import describe_value, flattened
from ringline.web.docs_pieces import code, inline, table, text
from ringline.web.openapi_routes import CREDENTIALS, ROUTES, HttpRoute
from ringline.wire.errors import HttpError
from ringline.wire.payload_members import Members

_CREDENTIALS = {
    "ApiKeyAuth": "a secret key in `x-api-key`",
    "BearerAuth": "a key or token as `Authorization: Bearer`",
} | {credential.name: f"`?{credential.parameter}=`" for credential in CREDENTIALS}


def route_sections() -> str:
    """Return a section for each route."""
    return "".join(map(_route, ROUTES))


def links() -> list[tuple[str, str]]:
    """Return links to the sections: their ids and headings."""
    return [(route.operation, f"{route.method} {route.path}") for route in ROUTES]


def errors(rows: Mapping[str, HttpError]) -> str:
    """Return a table of errors; each row can be linked to by its code."""
    return table(
        ("code", "status", "message"),
        [(code(row.code), str(row.status), inline(row.message)) for row in rows.values()],
        ids=list(rows),
    )


def _route(route: HttpRoute) -> str:
    ways = [_CREDENTIALS[name] for name in route.credentials]
    who = "; ".join([*ways, "or none"] if route.anonymous else ways) or "none"
    return f"""
<section id="{route.operation}" class="action">
<h3>{route.method} {route.path}</h3>
{text(f"{route.summary}. {route.description}")}
{text(f"Credential: {who}.")}
{_parameters(route)}{_members("body", route.asked)}{_members("answer", route.answered)}
{table(("status", "means"), _statuses(route))}
</section>"""


def _parameters(route: HttpRoute) -> str:
    rows = [
        (code(parameter.name), parameter.where, inline(parameter.means))
        for parameter in route.parameters
    ]
    return table(("parameter", "in", ""), rows) if rows else ""


def _members(heading: str, members: Members) -> str:
    rows = [
        (code(path), inline(describe_value(member)), inline(member.means))
        for path, member in flattened(members)
    ]
    return table((heading, "value", ""), rows) if rows else ""


def _statuses(route: HttpRoute) -> Iterator[tuple[str, str]]:
    for status, means in route.answers.items():
        yield str(status), inline(means)
    for row in route.refusals:
        yield str(row.status), f"{code(row.code)} {inline(row.message)}"
