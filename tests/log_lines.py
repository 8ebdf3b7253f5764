"""Checks of log calls against the table of log lines, in source and at run time.

`calls_in` finds the calls in a module's syntax tree. `note` is a structlog processor that
comes first during the whole run; `conftest.py` fails a test that logs a line which is not in
the table.
"""

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringline.domain.log_lines import LOG_LINES, Level, LogLine

LINES: Mapping[str, LogLine] = {line.event: line for lines in LOG_LINES.values() for line in lines}
#: What the server's processors add (`cli/logs.py`).
ADDED = frozenset({"event", "level", "timestamp", "at"})

#: Methods that log; some of them quote an exception's text, so the table has no level for them.
_METHODS = frozenset({*Level, "exception", "fatal", "failure", "err", "warn", "msg", "log"})


class Unreadable(AssertionError):
    """A log call whose event or fields are not literals."""


@dataclass(frozen=True)
class LogCall:
    """A call of a logger: its line, and the event, level and fields that it logs."""

    at: int
    event: str
    level: str
    fields: frozenset[str]


@dataclass
class _Loggers:
    """A module's loggers by variable name, and the fields bound to each."""

    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    #: Calls of `get_logger` that were understood.
    made: set[ast.Call] = field(default_factory=set)

    def learn(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=[ast.Name(name)], value=ast.Call() as made):
                    self._assigned(name, made)
                case ast.arg(arg=name, annotation=ast.expr() as annotation):
                    if "BoundLogger" in ast.unparse(annotation):
                        self.fields.setdefault(name, frozenset())

    def _assigned(self, name: str, made: ast.Call) -> None:
        if _is_get_logger(made):
            self.made.add(made)
            self.fields.setdefault(name, frozenset())
        elif isinstance(made.func, ast.Attribute) and made.func.attr == "bind":
            bound = self.of(made.func.value)
            if bound is not None:
                self.fields[name] = bound | _keywords(made)

    def of(self, receiver: ast.expr) -> frozenset[str] | None:
        """Return the fields bound to a logger; None if the expression is not one."""
        match receiver:
            case ast.Name(name):
                return self.fields.get(name)
            case ast.Call() if _is_get_logger(receiver):
                self.made.add(receiver)
                return frozenset()
            case _:
                return None


def calls_in(source: str) -> Iterator[LogCall]:
    """Yield the log calls of a module. Raises Unreadable."""
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    loggers = _Loggers()
    loggers.learn(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=receiver, attr=method)) if method in _METHODS:
                bound = loggers.of(receiver)
                if bound is not None:
                    event = _event(node, constants)
                    yield LogCall(node.lineno, event, method, bound | _keywords(node))
            case ast.ImportFrom(module="structlog"):
                raise Unreadable(f"line {node.lineno}: write `import structlog`")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_get_logger(node) and node not in loggers.made:
            raise Unreadable(f"line {node.lineno}: a logger escapes, so its calls are not checked")


def _is_get_logger(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "get_logger"


def _event(call: ast.Call, constants: Mapping[str, Any]) -> str:
    match call.args:
        case [ast.Constant(value=str(event))]:
            return event
        case [ast.Name(name)] if isinstance(constants.get(name), str):
            return constants[name]
        case _:
            raise Unreadable(f"line {call.lineno}: the event is not a literal")


def _keywords(call: ast.Call) -> frozenset[str]:
    names = [keyword.arg for keyword in call.keywords]
    if None in names:
        raise Unreadable(f"line {call.lineno}: `**` hides the fields")
    return frozenset(name for name in names if name is not None)


def problem_of(event: object, level: str, fields: Iterable[str]) -> str:
    """Return how a line differs from the table's; '' if it does not."""
    line = LINES.get(str(event))
    if line is None:
        return f"{event} is not in the table of log lines"
    if line.level != level:
        return f"{event} is logged as {level}, in the table it is {line.level}"
    given = frozenset(fields) - ADDED
    if given != frozenset(line.fields):
        return f"{event} has the fields {sorted(given)}, in the table {sorted(line.fields)}"
    return ""


#: The problems of the lines that the current test has logged.
problems: list[str] = []


def note(_: object, method: str, event: Any) -> Any:
    """Record a line that is not in the table, and pass it on."""
    if problem := problem_of(event.get("event"), method, event):
        problems.append(problem)
    return event


def problems_in(output: str) -> list[str]:
    """Return the problems of the JSON lines in a server's output."""
    found: list[str] = []
    for text in output.splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # PostgreSQL's lines, or output for a terminal
            continue
        if isinstance(line, dict) and "event" in line:
            found.append(problem_of(line["event"], line.get("level", ""), line))
    return [problem for problem in found if problem]
