"""The house rule of parameters: every one after the second is keyword-only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ringline

SOURCES = Path(ringline.__file__).parent
#: How many parameters may be given by position; self and cls are not counted.
MOST = 2
#: Functions that may take more, by reason.
EXEMPT = {
    "a library calls it": {
        "cli.logs._place_failure",
        "cli.logs._show_values",
        "config.settings.Settings.settings_customise_sources",
        "hooks.resolver.CheckedResolver.resolve",
        "hooks.sender._note_reuse",
        "storage.ownership.Ownership._on_notification",
        "voices.espeak_worker.Espeak._take",
        "web.http_connection.HttpConnection.finish_response",
        "web.http_connection.HttpConnection.handle_error",
    },
    "called as a value of a Callable type or of a Protocol": {
        "hooks.sender.WebhookSender.send",
        "rpc.call_actions.create_call",
        "rpc.call_actions.create_call_participant",
        "rpc.call_actions.update_call",
        "rpc.call_actions.update_call_participant",
        "rpc.queue_actions.accept_call_queue_entry",
        "rpc.queue_actions.set_operator_status",
        "rpc.team_actions.remove_team_member",
        "rpc.team_actions.update_team_member",
        "web.listener.PortListener._enter",
        "web.rpc.Rpc._run",
        "web.rpc.Rpc._validate",
        "wire.phoenix.encode_close",
        "wire.phoenix.encode_error",
    },
    "anybody would guess the positions": {"cli.demo_panels.share"},
}


def functions(node: ast.AST, path: str = "", *, method: bool = False) -> Iterator[tuple[str, int]]:
    """Yield each function's dotted name and how many parameters it takes by position."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef():
                yield from functions(child, f"{path}{child.name}.", method=True)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                decorators = [ast.unparse(decorator) for decorator in child.decorator_list]
                bound = method and "staticmethod" not in decorators
                count = len(child.args.posonlyargs) + len(child.args.args)
                yield f"{path}{child.name}", count - bound
                yield from functions(child, f"{path}{child.name}.")
            case _:
                yield from functions(child, path, method=method)


def too_many(source: str, module: str = "") -> Iterator[str]:
    """Yield the functions that take too many parameters by position."""
    for path, count in functions(ast.parse(source), module):
        name = path.rpartition(".")[2]
        magic = name.startswith("__") and name.endswith("__") and name != "__init__"
        if count > MOST and not magic:
            yield path


def test_parameters_after_the_second_are_keyword_only() -> None:
    found: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        module = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
        found |= set(too_many(path.read_text("utf-8"), f"{module}."))
    assert found == set().union(*EXEMPT.values())


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(a, b): ...", []),
        ("def f(a, b, c): ...", ["f"]),
        ("def f(a, b, c=1): ...", ["f"]),
        ("def f(a, b, /, c): ...", ["f"]),
        ("def f(a, b, *, c): ...", []),
        ("def f(a, b, *rest, **more): ...", []),
        ("async def f(a, b, c): ...", ["f"]),
        ("def f(a):\n def g(a, b, c): ...", ["f.g"]),
        ("class C:\n def f(self, a, b): ...", []),
        ("class C:\n def f(self, a, b, c): ...", ["C.f"]),
        ("class C:\n def __init__(self, a, b, c): ...", ["C.__init__"]),
        ("class C:\n def __exit__(self, a, b, c): ...", []),
        ("class C:\n @classmethod\n def f(cls, a, b): ...", []),
        ("class C:\n @staticmethod\n def f(a, b): ...", []),
        ("class C:\n @staticmethod\n def f(a, b, c): ...", ["C.f"]),
        ("class C:\n def f(self):\n  def g(a, b, c): ...", ["C.f.g"]),
        ("class C:\n if x:\n  def f(self, a, b): ...", []),
        ("if x:\n def f(a, b, c): ...", ["f"]),
    ],
)
def test_a_function_that_takes_too_many_by_position_is_found(source: str, names: list[str]) -> None:
    assert list(too_many(source)) == names
