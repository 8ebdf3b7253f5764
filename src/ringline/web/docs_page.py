"""The documentation page: `docs.html`, filled from the tables of all routes.

It works offline: style and script are inline, and the Content-Security-Policy allows them by
their hashes and nothing else (CSP Level 3, 2.3).
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from ringline.domain.ids import Prefix
from ringline.domain.spelling import camel
from ringline.rpc.action import Action, ActionKind, Answer, Input
from ringline.rpc.actions import ACTIONS
from ringline.rpc.descriptions import conditions_of, describe_answer, describe_kind
from ringline.rpc.examples import example_of
from ringline.rpc.kinds import Boolean, Choice, Id, Integer, Kind, Map, Text, Timestamp
from ringline.rpc.openapi_schemas import operators
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.web import docs_routes
from ringline.web.docs_pieces import code, inline, table, text
from ringline.wire.errors import RPC_ERRORS, V1_ERRORS, V3_ERRORS
from ringline.wire.rpc import PROBLEMS

_HERE = Path(__file__).parent
STYLE = (_HERE / "docs.css").read_text("utf-8")
_SCRIPT = (_HERE / "docs.js").read_text("utf-8")
_PAGE = (_HERE / "docs.html").read_text("utf-8")
_SLOT = re.compile(r"\{\{([a-z ]+)\}\}")
_SHORT = re.compile(r"[\[{][^\[\]{}]{0,90}[\]}]")
_KEY = re.compile(r'"([A-Za-z_]\w*)":')

_FIRST_EXAMPLE = {
    "action": "list_contacts",
    "fields": ["id", "fullName"],
    "filter": {"fullName": {"contains": "Ada"}},
    "sort": "-insertedAt",
    "page": {"limit": 20},
}
_KINDS: Mapping[str, Kind] = {
    "text": Text(),
    "ids": Id(Prefix.CALL),
    "words": Choice(()),
    "numbers": Integer(),
    "times": Timestamp(),
    "booleans": Boolean(),
    "lists and objects": Map(),
}


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(STYLE)}",
        f"script-src {_source(_SCRIPT)}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def make_page(version: str) -> str:
    """Render the page for a version of the server."""
    slots = {
        "style": STYLE,
        "script": _SCRIPT,
        "version": escape(version),
        "contents": _contents(),
        "first example": _curl(_FIRST_EXAMPLE),
        "operators": _operators(),
        "actions": _actions(),
        "routes": docs_routes.route_sections(),
        "errors of streams": docs_routes.errors(V1_ERRORS),
        "errors of voice": docs_routes.errors(V3_ERRORS),
        "resources": "".join(_resource(resource) for resource in RESOURCES.values()),
        "problems": _problems(),
        "refusals": _refusals(),
    }
    return _SLOT.sub(lambda slot: slots[slot[1]], _PAGE)


# -- contents -------------------------------------------------------------------------------


def _contents() -> str:
    links = [
        _links(heading, [action.name for action in actions]) for heading, actions in _grouped()
    ]
    routes = "".join(f'<li><a href="#{at}">{name}</a></li>' for at, name in docs_routes.links())
    other = f"<section><h2>Other routes</h2><ul>{routes}</ul></section>"
    return "".join([*links, _links("Resources", list(RESOURCES)), other])


def _links(heading: str, names: list[str]) -> str:
    items = "".join(f'<li><a href="#{name}">{name}</a></li>' for name in names)
    return f"<section><h2>{heading}</h2><ul>{items}</ul></section>"


def _grouped() -> list[tuple[str, list[Action]]]:
    """Group the actions by resource; those without one are about workspace or call."""
    groups: dict[str, list[Action]] = {}
    for action in ACTIONS.values():
        heading = "Orders" if action.resource is None else action.resource.name
        groups.setdefault(heading, []).append(action)
    return sorted(groups.items(), key=lambda group: (group[0] != "Orders", group[0]))


def _operators() -> str:
    """List the filter operators of each kind, grouping kinds with the same ones."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for name, kind in _KINDS.items():
        kinds.setdefault(tuple(operators(kind)), []).append(name)
    rows = [(", ".join(names), " ".join(map(code, said))) for said, names in kinds.items()]
    return table(("fields of", "operators"), rows)


# -- actions --------------------------------------------------------------------------------


def _actions() -> str:
    return "".join(
        f'<h2 class="group">{heading}</h2>' + "".join(_action(action) for action in actions)
        for heading, actions in _grouped()
    )


def _action(action: Action) -> str:
    example = example_of(action)
    shown = escape(_json(example))
    return f"""
<section id="{action.name}" class="action">
<h3>{action.name} <button type="button" data-try="{shown}">Try it</button></h3>
{text(" ".join((f"{action.summary}.", *conditions_of(action))))}
{_identity(action)}{_inputs(action)}
<p><b>Answers</b> {_answer(action)}</p>
<details><summary>Example</summary>{_curl(example)}{_pre(_typescript(action, example))}</details>
</section>"""


def _identity(action: Action) -> str:
    if action.kind not in (ActionKind.UPDATE, ActionKind.DESTROY):
        return ""
    named = "".join(f", or <code>{{{name}}}</code>" for name in action.identities)
    return f"<p><b>Identity</b> the id, bare or as <code>{{id}}</code>{named}</p>"


def _inputs(action: Action) -> str:
    if not action.inputs:
        return ""
    rows = [(code(input_.name), _need(action, input_), _value(input_)) for input_ in action.inputs]
    return table(("input", "", "value"), rows)


def _need(action: Action, input_: Input) -> str:
    if input_.required:
        return "required"
    for group in action.one_of:
        if input_.name in group:
            return "one of " + ", ".join(group)
    return "" if input_.null else "not null"


def _value(input_: Input) -> str:
    default = "" if input_.default is None else f"; `{input_.default}` if absent"
    return inline(describe_kind(input_.kind) + default)


def _answer(action: Action) -> str:
    if action.kind is ActionKind.GENERIC:
        return _members(action.answers)
    target = action.resource.name if action.resource is not None else ""
    text = inline(describe_answer(action))
    return text.replace(target, f'<a href="#{target}">{target}</a>', 1) if target else text


def _members(answers: Iterable[Answer]) -> str:
    return ", ".join(
        f"<code>{answer.name}</code>" + (f" ({_members(answer.members)})" if answer.members else "")
        for answer in answers
    )


def _typescript(action: Action, example: dict[str, Any]) -> str:
    config = {name: value for name, value in example.items() if name != "action"}
    written = _KEY.sub(r"\1:", _json(config))
    return f"await {camel(action.name)}({'' if written == '{}' else written});"


# -- resources and errors -------------------------------------------------------------------


def _resource(resource: Resource) -> str:
    return f"""
<section id="{resource.name}"><h3>{resource.name}</h3>
{table(("field", "", "value"), _fields(resource))}
</section>"""


def _fields(resource: Resource) -> Iterator[tuple[str, str, str]]:
    for field in resource.fields:
        notes = ["null"] if field.null else []
        notes += ["indexed sort"] if field.name in resource.indexed else []
        yield code(field.name), ", ".join(notes), inline(describe_kind(field.kind))
    for link in resource.relationships:
        target = f'<a href="#{link.target}">{link.target}</a>'
        null = "null" if link.null and not link.many else ""
        yield code(link.name), null, f"array of {target}" if link.many else target


def _problems() -> str:
    return table(
        ("type", "shortMessage", "message"),
        [(code(row.type), escape(row.short), escape(row.message)) for row in PROBLEMS.values()],
    )


def _refusals() -> str:
    return table(
        ("type", "status", "message"),
        [(code(row.code), str(row.status), escape(row.message)) for row in RPC_ERRORS.values()],
    )


# -- pieces ---------------------------------------------------------------------------------


def _pre(text: str) -> str:
    return f"<pre>{escape(text, quote=False)}</pre>"


def _curl(body: dict[str, Any]) -> str:
    return _pre(
        "curl -s $RINGLINE_URL/rpc/public/run \\\n"
        '  -H "x-api-key: $RINGLINE_KEY" -H "content-type: application/json" \\\n'
        f"  -d '{_json(body)}'"
    )


def _json(value: object) -> str:
    """Write JSON for people: large objects over several lines, short ones on one."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    text = _SHORT.sub(lambda match: " ".join(match[0].split()), text)
    return text.replace("[ ", "[").replace(" ]", "]")
