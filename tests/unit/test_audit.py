"""The table of deeds: the code records each, and nothing that the table does not know."""

import ast
from collections.abc import Iterator
from pathlib import Path

import ringline
from ringline.domain.audit import ACTORS, DEEDS, ActorKind
from ringline.rpc.actions import ACTIONS

SOURCES = Path(ringline.__file__).parent
TABLE = SOURCES / "domain" / "audit.py"
#: The methods that make an entry from the name of a deed.
MAKERS = {"entry", "of_key"}


def texts_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def deeds_of(tree: ast.AST) -> Iterator[str]:
    """Yield the deeds that are named where an entry is made."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = node.args[0]
            if node.func.attr in MAKERS and isinstance(first, ast.Constant):
                yield str(first.value)


def test_every_deed_is_recorded_and_is_in_the_table() -> None:
    said: set[str] = set()
    made: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        if path != TABLE:
            tree = ast.parse(path.read_text("utf-8"))
            said |= set(texts_of(tree))
            made |= set(deeds_of(tree))
    assert set(DEEDS) <= said
    assert made
    assert made <= {*DEEDS, *(name for name, action in ACTIONS.items() if action.is_audited)}


def test_every_kind_of_actor_is_told() -> None:
    assert set(ACTORS) == set(ActorKind)
