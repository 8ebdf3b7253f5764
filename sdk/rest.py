"""The TypeScript of the routes under `/v1`, written from their table.

The SDK's functions call RPC; these types are for those who call `/v1` with `fetch`, or with any
client that takes its paths from a type.
"""

from collections.abc import Iterator, Sequence

from ringline.domain.members import Member
from ringline.rest.pages import NEXT
from ringline.rest.reading import PAGED
from ringline.rest.route import Input, Route
from ringline.rest.routes import ROUTES
from ringline.wire.errors import V1_ERRORS
from sdk.event_payloads import member_types, type_of
from sdk.typescript import HEAD

_IMPORTS = ("Timestamp", "UntypedMap", "Uuid")


def rest_module() -> str:
    """Write `rest.ts`: what each route takes and answers, and how it refuses."""
    types = "\n".join(
        (
            "/** The `error_code` of a refusal. */",
            "export type V1ErrorCode =" + "".join(f'\n  | "{code}"' for code in V1_ERRORS) + ";\n",
            "/** The body of every refusal. */",
            "export interface V1Error {",
            "  error_code: V1ErrorCode;",
            "  message: string;",
            "  request_id: string;",
            "  documentation_url: string;",
            "}\n",
            *(line for route in ROUTES for line in _of_route(route)),
            "/** The routes, by method and path. */",
            "export interface V1Routes {",
            *(line for route in ROUTES for line in _row(route)),
            "}",
            "",
        )
    )
    used = [name for name in _IMPORTS if f"{name};" in types or f"{name} " in types]
    return f'{HEAD}\nimport type {{ {", ".join(used)} }} from "./types.js";\n\n{types}'


def _name(route: Route) -> str:
    return f"V1{route.operation[0].upper()}{route.operation[1:]}"


def _asked(route: Route) -> Sequence[Input]:
    return (*route.query, *PAGED) if route.paging else route.query


def _of_route(route: Route) -> Iterator[str]:
    if route.body:
        yield from _interface(f"{_name(route)}Body", f"The body of: {route.summary}.", route.body)
    if _asked(route):
        means = f"The query of: {route.summary}."
        yield from _interface(f"{_name(route)}Query", means, _asked(route))
    if route.answers:
        yield from _answer(route)


def _interface(name: str, means: str, inputs: Sequence[Input]) -> Iterator[str]:
    """Write what a client gives; what has a default may be left out."""
    yield f"/** {means} */"
    yield f"export interface {name} {{"
    for one in inputs:
        default = "" if one.member.default is None else f" Default: {one.member.default}."
        yield f"  /** {_sentence(one.member)}{default} */"
        yield f"  {one.name}{'' if one.required else '?'}: {type_of(one.member)};"
    yield "}\n"


def _answer(route: Route) -> Iterator[str]:
    name = f"{_name(route)}Answer"
    row = name if route.paging is None else f"{_name(route)}Row"
    yield f"/** {route.means}. */" if route.paging is None else f"/** One of: {route.means}. */"
    yield f"export interface {row} {{"
    yield from _members(route.answers)
    yield "}\n"
    if route.paging is not None:
        yield f"/** {route.means}; without a token it is the last. */"
        yield f"export interface {name} {{"
        yield from _members(route.paging.beside)
        yield f"  {route.paging.key}: {row}[];"
        yield f"  {NEXT}?: string;"
        yield "}\n"


def _members(members: Sequence[Member]) -> Iterator[str]:
    for member in members:
        ((spelt, kind),) = member_types((member,)).items()
        yield f"  /** {_sentence(member)} */"
        yield f"  {spelt}: {kind};"


def _row(route: Route) -> Iterator[str]:
    """Write a route of the table; what it does not take or answer is `undefined`.

    A file is a `Blob`.
    """
    ids = "; ".join(f"{one.name}: string" for one in (*route.ids, *route.parts))
    name = _name(route)
    yield f"  /** {route.summary}. */"
    yield f'  "{route.method} {route.path}": {{'
    yield f"    path: {f'{{ {ids} }}' if ids else 'undefined'};"
    yield f"    query: {f'{name}Query' if _asked(route) else 'undefined'};"
    yield f"    body: {f'{name}Body' if route.body else 'undefined'};"
    answer = f"{name}Answer" if route.answers else "Blob" if route.file else "undefined"
    yield f"    answer: {answer};"
    yield "  };"


def _sentence(member: Member) -> str:
    return f"{member.means[:1].upper()}{member.means[1:]}."
