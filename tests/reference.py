"""The tables of the reference pages, generated from the tables in the code.

A page contains them between `<!-- table: NAME -->` and `<!-- end -->`, and longer sections
with examples between `<!-- section: NAME -->` and `<!-- end -->`. A test fails if a page is
out of date; `python -m tests.reference` updates the pages.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from cyclopts import App

from ringline.cli.program import app
from ringline.config import PREFIX, Settings, messaging_keys
from ringline.domain.attendant import SETTINGS
from ringline.domain.audit import ACTORS, DEEDS
from ringline.domain.call_status import TRANSITIONS
from ringline.domain.config_members import MEMBERS
from ringline.domain.credentials import ALLOWED_KINDS, KeyKind
from ringline.domain.events import EVENT_TYPES, ThreadEvent
from ringline.domain.ids import Prefix, format_id
from ringline.domain.limit import Limit
from ringline.domain.limits import LIMITS
from ringline.domain.log import Environment
from ringline.domain.log_lines import FIELDS, LOG_LINES
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import PERMISSIONS, is_at_least, lowest_role
from ringline.rpc.action import Action
from ringline.rpc.actions import ACTIONS
from ringline.rpc.descriptions import conditions_of, describe_answer, describe_kind
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.services.idempotency import CONFLICTS, Conflict
from ringline.voices import gemini, mock, openai, openai_live, xai
from ringline.web.console_routes import API, ConsoleRoute
from ringline.web.console_routes import ROUTES as CONSOLE_ROUTES
from ringline.wire import (
    conversation_members,
    envelope,
    envelope_members,
    events_socket,
    listed_members,
    models,
    openai_client_secrets,
    openai_server_tables,
    payload_members,
    realtime_events,
    realtime_mint,
)
from ringline.wire.call_commands import COMMANDS
from ringline.wire.call_status import RPC_STATUS, v1_status
from ringline.wire.carrier_templates import PLACEHOLDERS
from ringline.wire.close_policy import POLICIES, Socket
from ringline.wire.database_url import OF_OTHERS, PASSED_OVER, TAKEN
from ringline.wire.errors import CONSOLE_ERRORS, RPC_ERRORS, V1_ERRORS, V3_ERRORS, HttpError
from ringline.wire.openai_server_errors import CODES, OWN_ERRORS
from ringline.wire.realtime_errors import ERRORS, Ends
from ringline.wire.realtime_events import RealtimeEvent
from ringline.wire.rpc import INTERNAL_REASONS, PROBLEMS
from tests.openai_examples import OPENAI_CLIENT_EXAMPLES, OPENAI_SERVER_EXAMPLES
from tests.payload_examples import CALL
from tests.payload_reference import SECTIONS as PAYLOAD_SECTIONS
from tests.payload_reference import conversation_rows
from tests.proofs import live_rows, offline_rows
from tests.realtime_examples import CLIENT_EXAMPLES, SERVER_EXAMPLES, Examples
from tests.reference_rows import cell, member_cells, member_rows, row, table
from tests.rest_reference import route_rows
from tests.webhook_reference import SECTIONS as WEBHOOK_SECTIONS
from tests.webhook_reference import TABLES as WEBHOOK_TABLES


def call_command_rows() -> Iterator[str]:
    for action, command in COMMANDS.items():
        takes = f"`{command.takes.name}`: {command.takes.means}" if command.takes else "–"
        yield row(f"`{action}`", takes, command.means, f"`{command.status}`")


def event_rows() -> Iterator[str]:
    for name, data in EVENT_TYPES.items():
        socket = events_socket.NAMES.get(data)
        envelopes = envelope.NAMES.get(data, ())
        transcript = {"call.turn_completed": "`is_final: true`"}.get(name) or (
            "`is_final: false`" if name == "call.transcript_delta" else ""
        )
        yield row(
            f"`{name}`",
            "durable" if data.durable else "ephemeral",
            f"`{socket}`" if socket else "–",
            ", ".join(f"`{spelt}`" for spelt in envelopes) or "–",
            transcript or "–",
            f"`{name}`" if issubclass(data, ThreadEvent) else "–",
        )


def id_rows() -> Iterator[str]:
    for prefix in Prefix:
        kind = prefix.name.lower().replace("_", " ")
        yield row(kind, f"`{format_id(prefix, CALL)}`")


def status_rows() -> Iterator[str]:
    for status in RPC_STATUS:
        answered = v1_status(status, answered=True)
        never = v1_status(status, answered=False)
        v1 = f"`{answered}`" if answered == never else f"`{answered}`, never answered `{never}`"
        yield row(f"`{status}`", f"`{RPC_STATUS[status]}`", v1)


def transition_rows() -> Iterator[str]:
    for (status, move), target in TRANSITIONS.items():
        yield row(f"`{status}`", f"`{move}`", f"`{target}`")


def credential_rows() -> Iterator[str]:
    for surface, kinds in ALLOWED_KINDS.items():
        yield row(f"`{surface}`", *("yes" if kind in kinds else "no" for kind in KeyKind))


def error_rows(table: Mapping[str, HttpError]) -> Iterator[str]:
    for error in table.values():
        yield row(f"`{error.code}`", str(error.status), error.message)


def console_route_rows() -> Iterator[str]:
    for route in CONSOLE_ROUTES:
        who = "anyone" if route.anyone else "who is signed in"
        if route.deed:
            roles = {environment: _lowest(route, environment) for environment in Environment}
            who = ", ".join(f"from `{role}` up in `{place}`" for place, role in roles.items())
            if len(set(roles.values())) == 1:
                who = f"from `{roles[Environment.LIVE]}` up"
        elif "rpc" in route.path:
            who = "by the action"
        yield row(f"`{route.method} {API}{route.path}`", route.what, who)


def _lowest(route: ConsoleRoute, environment: Environment) -> TeamRole | None:
    return lowest_role(route.deed.format(environment=environment))


def console_role_rows() -> Iterator[str]:
    for permission in PERMISSIONS:
        may = ("yes" if is_at_least(role, permission.role) else "–" for role in TeamRole)
        names = ", ".join(f"`{name}`" for name in (*permission.actions, *permission.deeds))
        yield row(f"{permission.what}: {names}", *may)


def console_key_rows() -> Iterator[str]:
    """Read the console's table of keys, which is TypeScript."""
    shortcut = r'keys: \[((?:"[^"]+"(?:, )?)+)\], does: "([^"]+)", where: "([^"]+)"'
    for keys, does, where in re.findall(shortcut, SHORTCUTS.read_text("utf-8")):
        shown = ", ".join(f"`{KEYCAPS.get(key, key)}`" for key in re.findall(r'"([^"]+)"', keys))
        yield row(shown, does, where)


def problem_rows() -> Iterator[str]:
    for problem in PROBLEMS.values():
        yield row(f"`{problem.type}`", problem.short, problem.message)


def internal_reason_rows() -> Iterator[str]:
    for reason in sorted(INTERNAL_REASONS):
        yield row(f"`{reason}`")


def conflict_rows() -> Iterator[str]:
    for conflict in Conflict:
        yield row(f"`{conflict}`", CONFLICTS[conflict])


def session_error_rows() -> Iterator[str]:
    for error in ERRORS.values():
        close_code = "–" if error.ends is Ends.NEVER else str(error.close_code)
        yield row(f"`{error.code}`", error.ends.value, close_code, error.means or error.message)


def openai_error_rows() -> Iterator[str]:
    for error in OWN_ERRORS.values():
        yield row(f"`{error.code}`", "–", error.means or error.message)
    for code, error in ERRORS.items():
        if code in openai_server_tables.TOLD:
            close_code = "–" if error.ends is Ends.NEVER else str(error.close_code)
            yield row(f"`{CODES.get(code, code)}`", close_code, error.means or error.message)


def close_rows(socket: Socket) -> Iterator[str]:
    for policy in POLICIES[socket].values():
        yield row(str(policy.code), f"`{policy.action}`", policy.why, policy.then)


def realtime_rows(events: Mapping[str, RealtimeEvent], examples: Examples) -> Iterator[str]:
    for event in events.values():
        example = "<br>".join(f"`{frame}`" for frame in examples[event.name])
        yield row(f"`{event.name}`", event.means, example)


def realtime_member_rows(
    events: Mapping[str, RealtimeEvent], *, defaults: bool = False
) -> Iterator[str]:
    for event in events.values():
        for cells in member_cells(event.members, defaults=defaults):
            yield row(f"`{event.name}`", *cells)


def resource_rows(resource: Resource) -> Iterator[str]:
    for field in resource.fields:
        notes = ["null"] if field.null else []
        notes += ["indexed sort"] if field.name in resource.indexed else []
        yield row(f"`{field.name}`", cell(describe_kind(field.kind)), ", ".join(notes))
    for relationship in resource.relationships:
        name, target = relationship.name, relationship.target
        link = f"[{target}](#{target.lower()})"
        value = f"list of {link}" if relationship.many else link
        notes = ["null"] if relationship.null and not relationship.many else []
        notes += [] if RESOURCES[target].operators else ["not for operator tokens"]
        yield row(f"`{name}`", value, ", ".join(notes))


def action_rows() -> Iterator[str]:
    for action in ACTIONS.values():
        yield row(
            f"`{action.name}`",
            " ".join((f"{action.summary}.", *conditions_of(action))),
            f"`{action.role}`" if action.role else "–",
            _inputs(action) or "–",
            cell(describe_answer(action)),
        )


def audit_actor_rows() -> Iterator[str]:
    for kind, who in ACTORS.items():
        yield row(f"`{kind}`", who)


def audit_action_rows() -> Iterator[str]:
    for action in ACTIONS.values():
        if action.is_audited:
            target = action.resource.name if action.resource else action.audited
            yield row(f"`{action.name}`", action.summary, f"`{action.role}`", f"`{target}`")


def audit_deed_rows() -> Iterator[str]:
    for name, deed in DEEDS.items():
        yield row(f"`{name}`", deed.means, deed.fields or "–")


def _inputs(action: Action) -> str:
    """Return an action's inputs: a star marks required ones, a plus alternatives."""
    one_of = {name for group in action.one_of for name in group}
    marks = dict.fromkeys(one_of, "+")
    return ", ".join(
        f"`{input_.name}`{'*' if input_.required else marks.get(input_.name, '')}"
        for input_ in action.inputs
    )


def command_rows() -> Iterator[str]:
    yield from _commands_of(app, "ringline")


def _commands_of(program: App, path: str) -> Iterator[str]:
    for name in program:
        command = program[name]
        if name.startswith("-") or not command.show:
            continue
        if any(not inner.startswith("-") for inner in command):
            yield from _commands_of(command, f"{path} {name}")
        else:
            does = str(command.help).partition("\n")[0]
            yield row(f"`{path} {name}`", does.removesuffix("."))


def setting_rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        shown = extra.get("default") if isinstance(extra, dict) else None
        if shown is None:
            plain = f"{field.default:g}" if isinstance(field.default, float) else field.default
            shown = f"`{plain}`"
        yield row(f"`{PREFIX}{name.upper()}`", str(shown), field.description or "")


def url_parameter_rows() -> Iterator[str]:
    for names, does in (
        (TAKEN, "supported"),
        (PASSED_OVER, "ignored: libpq's parameters that have no effect here"),
        (OF_OTHERS, "ignored: hints to other drivers"),
    ):
        yield row(", ".join(f"`{name}`" for name in sorted(names)), does)


def messaging_rows(table: str) -> Iterator[str]:
    for key, means in messaging_keys.TABLES[table].items():
        yield row(f"`{key}`", means)


def placeholder_rows() -> Iterator[str]:
    for name, means in PLACEHOLDERS.items():
        yield row(f"`{{{name}}}`", means)


def limit_rows(wall: str) -> Iterator[str]:
    for limit in LIMITS[wall]:
        beyond = limit.beyond
        if limit.setting:
            beyond += f" (setting `{PREFIX}{limit.setting}`)"
        yield row(limit.what, _amount(limit), beyond)


def _amount(limit: Limit) -> str:
    """Return a limit's amount: `64 KiB`, `8,000,000 bytes`, `10 s`."""
    kib, rest = divmod(limit.most, 1024)
    if limit.unit == "bytes" and not rest and (kib < 1024 or kib % 1024 == 0):
        return f"{kib // 1024} MiB" if kib >= 1024 else f"{kib} KiB"
    return f"{limit.most:,} {limit.unit}"


def log_rows(topic: str) -> Iterator[str]:
    for line in LOG_LINES[topic]:
        fields = ", ".join(f"`{name}`" for name in line.fields)
        yield row(f"`{line.event}`", line.level, fields or "–", line.means)


def log_field_rows() -> Iterator[str]:
    for name, holds in FIELDS.items():
        yield row(f"`{name}`", holds)


def attendant_rows() -> Iterator[str]:
    for intent, reply in SETTINGS.replies.items():
        phrases = [f"“{phrase.text}”" for phrase in SETTINGS.phrases if phrase.intent == intent]
        yield row(", ".join(phrases) or "anything else", reply)


def mock_rows() -> Iterator[str]:
    for model, offers in ((mock.ECHO_MODEL, mock.ECHO), (mock.ASYM_MODEL, mock.ASYM)):
        abilities = [
            name for name, has in (("tools", offers.tools), ("images", offers.images)) if has
        ]
        yield row(
            f"`{model}`",
            f"{offers.input_hz // 1_000} kHz, {offers.output_hz // 1_000} kHz",
            _names(offers.voices),
            _names(sorted(offers.modalities)),
            _names(sorted(offers.turn_detection, reverse=True)),
            _names(offers.reasoning_efforts),
            ", ".join(abilities),
        )
    yield row(f"`{mock.CHAT_MODEL}`", *("–" for _ in range(5)), "not realtime")


def provider_rows() -> Iterator[str]:
    providers = openai.MODELS, openai_live.MODELS, xai.MODELS, gemini.MODELS
    for model, about in chain.from_iterable(rows.items() for rows in providers):
        offers = about.capabilities
        abilities = [
            name for name, has in (("tools", offers.tools), ("images", offers.images)) if has
        ]
        others = [voice for voice in offers.voices if voice != offers.default_voice]
        yield row(
            f"`{model}`",
            _names((offers.default_voice, *sorted(others))),
            _names(sorted(offers.modalities)),
            _names(sorted(offers.turn_detection, reverse=True)),
            _names(offers.reasoning_efforts),
            ", ".join(abilities),
        )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


_MEMBER_HEADS = ("member", "value", "means")

DOCS = Path(__file__).parents[1] / "docs" / "reference"
SHORTCUTS = Path(__file__).parents[1] / "console" / "src" / "keys" / "shortcuts.ts"
#: Keys whose names are not what stands on them.
KEYCAPS = {
    " ": "Space",
    "ArrowDown": "↓",
    "ArrowUp": "↑",
    "Escape": "Esc",
    "Mod+k": "Ctrl K",
    "Shift+ArrowLeft": "Shift ←",
    "Shift+ArrowRight": "Shift →",
}

#: The tables by name: head cells and rows.
TABLES = {
    "events": (
        ("canonical type", "", "events socket", "envelope", "transcript", "conversation"),
        event_rows,
    ),
    "ids": (("kind", "on `/v1` and `/v3`"), id_rows),
    "statuses": (("canonical", "RPC, socket", "`/v1`, envelope"), status_rows),
    "transitions": (("from", "trigger", "to"), transition_rows),
    "credentials": (("surface", "`sk_…`", "`pk_…`", "`mk_…`", "sign-in"), credential_rows),
    "http errors /v3": (("code", "status", "message"), lambda: error_rows(V3_ERRORS)),
    "http errors /v1": (("code", "status", "message"), lambda: error_rows(V1_ERRORS)),
    "http errors console": (("code", "status", "message"), lambda: error_rows(CONSOLE_ERRORS)),
    "console routes": (("route", "is for", "who may"), console_route_rows),
    "console roles": (("who may", *TeamRole), console_role_rows),
    "console keys": (("key", "does", "works"), console_key_rows),
    "http errors rpc": (("code", "status", "message"), lambda: error_rows(RPC_ERRORS)),
    "rpc problems": (("type", "shortMessage", "message"), problem_rows),
    "rpc internal reasons": (("`details.reason`",), internal_reason_rows),
    "rpc conflicts": (("`details.reason`", "means"), conflict_rows),
    "actions": (("action", "does", "role", "input", "answers"), action_rows),
    **{
        f"resource {name}": (
            ("field", "value", ""),
            lambda resource=resource: resource_rows(resource),
        )
        for name, resource in RESOURCES.items()
    },
    "audit actors": (("`actorKind`", "who"), audit_actor_rows),
    "audit actions": (("`action`", "does", "lowest role", "`targetKind`"), audit_action_rows),
    "audit deeds": (("`action`", "means", "`fields`"), audit_deed_rows),
    "commands": (("command", "does"), command_rows),
    "call commands": (("`action`", "takes", "does", "`status`"), call_command_rows),
    **{
        f"limits {wall}": (("limit on", "at most", "beyond it"), lambda wall=wall: limit_rows(wall))
        for wall in LIMITS
    },
    **{
        f"log {topic}": (
            ("event", "level", "fields", "means"),
            lambda topic=topic: log_rows(topic),
        )
        for topic in LOG_LINES
    },
    **{
        f"messaging {table}": (("key", "means"), lambda table=table: messaging_rows(table))
        for table in messaging_keys.TABLES
    },
    "messaging placeholders": (("placeholder", "stands for"), placeholder_rows),
    "log fields": (("field", "value"), log_field_rows),
    "url parameters": (("parameters", "treatment"), url_parameter_rows),
    "attendant": (("the caller says", "`Attendant` answers"), attendant_rows),
    "test voices": (
        ("model", "hears, speaks", "voices", "modalities", "turn detection", "effort", "takes"),
        mock_rows,
    ),
    "proved offline": (("voice", "what is proved", "by what", "test"), offline_rows),
    "proved live": (("what only the provider can show", "voices", "test"), live_rows),
    "providers' models": (
        ("model", "voices", "modalities", "turn detection", "effort", "takes"),
        provider_rows,
    ),
    "settings": (("name", "default", "meaning"), setting_rows),
    **{
        f"close codes {socket}": (
            ("close code", "action", "why", "what to do"),
            lambda socket=socket: close_rows(socket),
        )
        for socket in Socket
    },
    "session errors": (("code", "ends the session", "close code", "message"), session_error_rows),
    "session config": (
        ("member", "value", "default", "does"),
        lambda: member_rows(MEMBERS, defaults=True),
    ),
    "mint asked": (
        ("member", "value", "default", "does"),
        lambda: member_rows(realtime_mint.ASKED, defaults=True),
    ),
    "mint answered": (
        ("member", "value", "means"),
        lambda: member_rows(realtime_mint.ANSWERED),
    ),
    "models asked": (
        ("parameter", "value", "default", "means"),
        lambda: member_rows(models.ASKED, defaults=True),
    ),
    "models answered": (_MEMBER_HEADS, lambda: member_rows(models.ANSWERED)),
    "client events": (
        ("event", "means", "example"),
        lambda: realtime_rows(realtime_events.CLIENT, CLIENT_EXAMPLES),
    ),
    "client members": (
        ("event", "member", "value", "default", "means"),
        lambda: realtime_member_rows(realtime_events.CLIENT, defaults=True),
    ),
    "server events": (
        ("event", "means", "example"),
        lambda: realtime_rows(realtime_events.SERVER, SERVER_EXAMPLES),
    ),
    "server members": (
        ("event", "member", "value", "means"),
        lambda: realtime_member_rows(realtime_events.SERVER),
    ),
    "openai mint asked": (
        ("member", "value", "default", "does"),
        lambda: member_rows(openai_client_secrets.ASKED, defaults=True),
    ),
    "openai mint answered": (
        _MEMBER_HEADS,
        lambda: member_rows(openai_client_secrets.ANSWERED),
    ),
    "openai session": (
        ("member", "value", "default", "does"),
        lambda: member_rows(openai_server_tables.SESSION, defaults=True),
    ),
    "openai client events": (
        ("event", "means", "example"),
        lambda: realtime_rows(openai_server_tables.CLIENT, OPENAI_CLIENT_EXAMPLES),
    ),
    "openai client members": (
        ("event", "member", "value", "default", "means"),
        lambda: realtime_member_rows(openai_server_tables.CLIENT, defaults=True),
    ),
    "openai server events": (
        ("event", "means", "example"),
        lambda: realtime_rows(openai_server_tables.SERVER, OPENAI_SERVER_EXAMPLES),
    ),
    "openai server members": (
        ("event", "member", "value", "means"),
        lambda: realtime_member_rows(openai_server_tables.SERVER),
    ),
    "openai errors": (("code", "close code", "message"), openai_error_rows),
    "http errors openai": (
        ("code", "status", "message"),
        lambda: error_rows(openai_server_tables.OPENAI_ERRORS),
    ),
    "socket common": (_MEMBER_HEADS, lambda: member_rows(payload_members.COMMON)),
    "socket durable": (_MEMBER_HEADS, lambda: member_rows(payload_members.DURABLE)),
    "transcript frame": (_MEMBER_HEADS, lambda: member_rows(payload_members.TRANSCRIPT)),
    "conversation frame": (_MEMBER_HEADS, lambda: member_rows(conversation_members.COMMON)),
    "conversation payloads": (("event", *_MEMBER_HEADS), conversation_rows),
    "envelope common": (_MEMBER_HEADS, lambda: member_rows(envelope_members.COMMON)),
    "routes of /v1": (("route", "does"), route_rows),
    "listed common": (_MEMBER_HEADS, lambda: member_rows(listed_members.COMMON)),
    **WEBHOOK_TABLES,
}
#: The sections by name.
SECTIONS = {**PAYLOAD_SECTIONS, **WEBHOOK_SECTIONS}
_MADE = re.compile(r"<!-- (table|section): (.+?) -->\n.*?<!-- end -->", re.DOTALL)


def rewritten(page: str) -> str:
    """Return a page's text with its tables and sections up to date."""

    def made(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "section":
            lines = ["", *SECTIONS[name](), ""]
        else:
            heads, rows = TABLES[name]
            lines = table(heads, rows())
        text = "\n".join(lines).rstrip("\n")
        return f"<!-- {kind}: {name} -->\n{text}\n<!-- end -->"

    return _MADE.sub(made, page)


def names_in(page: str) -> set[str]:
    """Return the names of the tables and sections in a page."""
    return {match[2] for match in _MADE.finditer(page)}


if __name__ == "__main__":
    for path in DOCS.glob("*.md"):
        path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
