"""The reference of the routes under `/v1`, generated from their table."""

from collections.abc import Iterator
from textwrap import wrap

from ringline.domain.credentials import ALLOWED_KINDS, KeyKind
from ringline.rest.reading import PAGED
from ringline.rest.route import Route
from ringline.rest.routes import ROUTES
from tests.reference_rows import member_rows, row, table

#: The width of the docs.
WIDTH = 120


def route_rows() -> Iterator[str]:
    """Yield a row for each route, with a link to its section."""
    for route in ROUTES:
        yield row(f"[`{route.method} {route.path}`](#{route.operation.lower()})", route.summary)


def route_sections() -> Iterator[str]:
    """Yield a section for each route: who may call it, what it takes and what it answers."""
    for route in ROUTES:
        yield from _section(route)


def _section(route: Route) -> Iterator[str]:
    yield f"### {route.operation}"
    yield ""
    yield f"`{route.method} {route.path}`"
    yield ""
    said = [f"{route.summary}.", route.description]
    if route.idempotent:
        said.append(
            "It takes an `Idempotency-Key`; the answer holds a secret, which is not repeated."
            if route.secret
            else "It takes an `Idempotency-Key`."
        )
    if route.live_only:
        said.append("A `sk_test_` key is refused: 403.")
    if KeyKind.MANAGEMENT in ALLOWED_KINDS[route.surface]:
        said.append("A `mk_` key is accepted too.")
    yield from wrap(" ".join(filter(None, said)), WIDTH)
    query = (*route.query, *PAGED) if route.paging else route.query
    for heading, asked in (("path", route.parts), ("parameter", query), ("body", route.body)):
        if asked:
            yield ""
            members = [one.member for one in asked]
            heads = (heading, "value", "default", "means")
            yield from table(heads, member_rows(members, defaults=True))
    yield ""
    yield from _answer(route)
    yield ""


def _answer(route: Route) -> Iterator[str]:
    if route.paging is not None:
        if route.paging.beside:
            yield f"{route.status}: {route.means[0].lower()}{route.means[1:]}."
            yield ""
            yield from table(("member", "value", "means"), member_rows(route.paging.beside))
            yield ""
        yield from wrap(
            f"{route.status}: `{route.paging.key}`, newest first, and `next_page_token` unless "
            "this page is the last. Of each:",
            WIDTH,
        )
    elif route.file:
        yield from wrap(
            f"{route.status}: {route.means[0].lower()}{route.means[1:]}, as `{route.file}`. 206: "
            "the range of it that `Range` asks for; several ranges get the whole. 416: a range "
            "that is not within it.",
            WIDTH,
        )
        return
    elif route.answers:
        yield f"{route.status}: {route.means[0].lower()}{route.means[1:]}."
    else:
        yield f"{route.status}, with an empty body."
        return
    yield ""
    yield from table(("member", "value", "means"), member_rows(route.answers))
