"""No regular expression in the code backtracks on 64 KB of hostile input.

`re` has no time limit: a pattern that can match the same text in many ways blocks the event
loop for minutes. Here each pattern is used as in the code, on repeated and nested pieces of
what it matches, with ends that make it fail. A pattern that backtracks hits the timeout.
"""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import islice, permutations
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

import ringline
from ringline.rpc.actions import ACTIONS
from ringline.rpc.kinds import BadValue, Text
from ringline.rpc.openapi import make_rpc_document
from ringline.rpc.resources import RESOURCES

ROOT = Path(ringline.__file__).parent
SIZE = 64 * 1024
LETTERS = 8  # of those that a pattern tells apart; more only repeat what a class does
METHODS = ("match", "fullmatch", "search", "split", "sub", "subn", "findall", "finditer")
_MENTION = re.compile(rf"\b(?:re|regex)\b|\bpattern=|\.(?:{'|'.join(METHODS)})\b")
HARMLESS = ("escape", "Match", "Pattern", *(flag.name for flag in re.RegexFlag))
#: Patterns that exist only once a table is read; `kinds` and `schemas` below read them.
OF_TABLES = {("rpc/kinds.py", "self.pattern")}

# -- finding them -------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """A pattern, and the method of `re.Pattern` that the code calls with a text."""

    where: str
    pattern: re.Pattern[Any]
    method: str


@cache
def parsed() -> Mapping[str, Sequence[ast.AST]]:
    """Give the nodes of the code that may hold or use a pattern; the keys are paths from its root.

    Forget them after use: hundreds of thousands of objects slow the garbage collector down.
    """
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in ROOT.rglob("*.py")}
    return {
        path: [*ast.walk(ast.parse(text))]
        for path, text in sorted(texts.items())
        if _MENTION.search(text)
    }


def module_of(path: str) -> ModuleType:
    return importlib.import_module("ringline." + path.removesuffix(".py").replace("/", "."))


def called(
    nodes: Sequence[ast.AST],
) -> Iterator[tuple[ast.Attribute, ast.Call | None, str | None]]:
    """Yield what is taken of `re`, with its call and the name that the result is given."""
    calls = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
    names = {
        id(node.value): node.targets[0].id
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "re":
            call = calls.get(id(node))
            yield node, call, names.get(id(call))


@cache
def methods_by_name() -> Mapping[str, set[str]]:
    """Tell what the code does with each name that a pattern may have."""
    methods: defaultdict[str, set[str]] = defaultdict(set)
    for nodes in parsed().values():
        for node in nodes:
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                methods[ast.unparse(node.value).rpartition(".")[2]].add(node.attr)
    return methods


def uses() -> Iterator[Use]:
    """Yield every use of a pattern; what cannot be found here is a failure."""
    for path, nodes in parsed().items():
        for taken, call, name in called(nodes):
            where = f"{path}:{taken.lineno}"
            if taken.attr in HARMLESS:
                continue
            assert call is not None, f"{where}: re.{taken.attr} is handed on, not called"
            spelt = ast.unparse(call.args[0])
            if (path, spelt) in OF_TABLES:
                continue
            if taken.attr == "compile":
                compiled = eval(ast.unparse(call), vars(module_of(path)))
                methods = methods_by_name().get(name, ()) if name else METHODS
                assert methods, f"{where}: {name} is used where this test does not see it"
            else:
                compiled = re.compile(eval(spelt, vars(module_of(path))))
                methods = {taken.attr}
            yield from (Use(where, compiled, method) for method in sorted(methods))


def kinds(thing: object, seen: set[int]) -> Iterator[Text]:
    """Yield every kind of text with a pattern that a table holds."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, Text) and thing.pattern is not None:
        yield thing
    inner: Iterable[object] = ()
    if isinstance(thing, Mapping):
        inner = cast("Mapping[object, object]", thing).values()
    elif isinstance(thing, tuple | list | frozenset):
        inner = cast("Iterable[object]", thing)
    elif is_dataclass(thing):
        inner = [getattr(thing, field.name) for field in fields(thing)]
    for one in inner:
        yield from kinds(one, seen)


def schemas(document: object) -> Iterator[str]:
    """Yield every pattern that the API's description gives to clients."""
    if isinstance(document, dict):
        members = cast("dict[str, object]", document)
        if isinstance(pattern := members.get("pattern"), str):
            yield pattern
        for one in members.values():
            yield from schemas(one)
    elif isinstance(document, list | tuple):
        for one in cast("Iterable[object]", document):
            yield from schemas(one)


USES = [
    *uses(),
    *(
        Use("the API's description", re.compile(pattern), "search")
        for pattern in sorted(set(schemas(make_rpc_document("1.0.0"))))
    ),
]
TEXTS = sorted(set(kinds((ACTIONS, RESOURCES), set())), key=repr)
parsed.cache_clear()

# -- attacking them -----------------------------------------------------------------------

_CANDIDATES = "a0 .-\nA_~é\0"
_CATEGORIES = {"DIGIT": "0", "SPACE": " ", "WORD": "a", "NOT_DIGIT": "a", "NOT_SPACE": "a"}
_ENDS = ("", "\0", "\n", "x")


def tokens_of(pattern: re.Pattern[Any]) -> list[Any]:
    """Parse a pattern as `re` does: a list of pairs, the operation and its operand."""
    return list(importlib.import_module("re._parser").parse(pattern.pattern, pattern.flags))


def members_of(items: list[Any]) -> list[str]:
    """Return characters of a set, or of what it leaves."""
    named: list[str] = []
    for operation, value in items:
        match str(operation):
            case "LITERAL":
                named.append(chr(value))
            case "RANGE":
                named += [chr(value[0]), chr(value[1])]
            case "CATEGORY":
                named.append(_CATEGORIES.get(str(value).removeprefix("CATEGORY_"), "-"))
            case _:
                pass
    if str(items[0][0]) == "NEGATE":
        return [character for character in _CANDIDATES if character not in named][:2]
    return named


def inside(operation: object, value: Any) -> list[list[Any]]:
    """Return the sequences that a token holds."""
    match str(operation):
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [list(value[2])]
        case "SUBPATTERN":
            return [list(value[3])]
        case "BRANCH":
            return [list(one) for one in value[1]]
        case "ASSERT" | "ASSERT_NOT":
            return [list(value[1])]
        case "ATOMIC_GROUP":
            return [list(value)]
        case _:
            return []


def spell(tokens: list[Any], optional: int = 1) -> str:
    """Spell something short that tokens match, each optional part so many times."""
    spelt = ""
    for operation, value in tokens:
        match str(operation):
            case "LITERAL":
                spelt += chr(value)
            case "NOT_LITERAL":
                spelt += next(one for one in _CANDIDATES if ord(one) != value)
            case "ANY":
                spelt += "a"
            case "IN":
                spelt += members_of(value)[0]
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                spelt += spell(list(value[2]), optional) * max(optional, value[0])
            case "SUBPATTERN" | "BRANCH" | "ATOMIC_GROUP":
                spelt += spell(inside(operation, value)[0], optional)
            case _:  # what has no width
                pass
    return spelt


def letters_of(tokens: list[Any]) -> Iterator[str]:
    """Yield the characters that a pattern tells apart."""
    for operation, value in tokens:
        match str(operation):
            case "LITERAL" | "NOT_LITERAL":
                yield chr(value)
            case "IN":
                yield from members_of(value)
            case _:
                for inner in inside(operation, value):
                    yield from letters_of(inner)


def parts_of(tokens: list[Any]) -> Iterator[str]:
    """Yield beginnings and ends of what a pattern matches, and of each of its groups."""
    for cut in range(len(tokens) + 1):
        for optional in (0, 1):
            yield spell(tokens[:cut], optional)
            yield spell(tokens[cut:], optional)
    for operation, value in tokens:
        for inner in inside(operation, value):
            yield from parts_of(inner)


def attacks(pattern: re.Pattern[Any], size: int = SIZE) -> Iterator[str]:
    """Yield texts that a pattern which backtracks does not get through."""
    tokens = tokens_of(pattern)
    letters = dict.fromkeys([*islice(dict.fromkeys(letters_of(tokens)), LETTERS), " ", "a"])
    pairs = {"".join(pair): ("\0",) for pair in permutations(letters, 2)}
    parts = dict.fromkeys([*letters, *filter(None, parts_of(tokens))], (*_ENDS, *letters))
    heads = dict.fromkeys(spell(tokens[:cut]) for cut in range(1, len(tokens)))
    for unit, ends in (pairs | parts).items():
        body = unit * (size // len(unit))
        for end in ends:
            yield body + end
        for head in filter(None, heads):
            yield head + body + "\0"
    for first, second in permutations(letters, 2):  # nested
        yield first * (size // 2) + second * (size // 2)


def apply(method: str, pattern: re.Pattern[Any], text: str) -> None:
    """Use a pattern on a text, to the last of its matches."""
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    match method:
        case "sub" | "subn":
            getattr(pattern, method)(given[:0], given)
        case "finditer":
            for _ in pattern.finditer(given):
                pass
        case _:
            getattr(pattern, method)(given)


def test_the_patterns_are_found() -> None:
    found = {(use.where.partition(":")[0], use.method) for use in USES}
    assert ("voices/dialogue.py", "search") in found
    assert ("wire/sse.py", "split") in found
    assert ("wire/phoenix.py", "fullmatch") in found
    assert ("the API's description", "search") in found
    spelt = {
        eval(ast.unparse(keyword.value), vars(module_of(path)))
        for path, nodes in parsed().items()
        for call in nodes
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Text")
        for keyword in call.keywords
        if keyword.arg == "pattern"
    }
    assert len(spelt) > 1
    assert spelt == {text.pattern for text in TEXTS}


def test_the_standard_library_s_are_the_only_ones() -> None:
    for path, nodes in parsed().items():
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("re", "regex"), f"{path}: import re, so that it is found"
            elif isinstance(node, ast.Import):
                assert all(one.name != "regex" for one in node.names), path
                assert all(one.asname is None for one in node.names if one.name == "re"), path


@pytest.mark.parametrize(
    ("pattern", "attack"),
    [
        (r".{1,400}?(?:[.!?…]+\s+|\n+|$)", "!" * SIZE + "x"),
        (r"(a+)+b", "a" * SIZE + "\0"),
        (r"\s+$", " " * SIZE + "x"),
        (r"[!-~]+@[!-~]+", "@" * SIZE + "\0"),
        (r"^(.*?)(?: - at `(key in )?\$(.*)`)?$", " - at `$" * (SIZE // 8) + "\0"),
        (r"(ab|a)*c", "ab" * (SIZE // 2) + "\0"),
    ],
)
def test_an_attack_is_made_on_each_kind_of_backtracking(pattern: str, attack: str) -> None:
    assert attack in set(attacks(re.compile(pattern)))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.where} {use.method}")
def test_a_pattern_comes_back(use: Use) -> None:
    for attack in attacks(use.pattern):
        apply(use.method, use.pattern, attack)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", TEXTS, ids=lambda kind: kind.pattern)
def test_a_kind_of_text_comes_back(kind: Text) -> None:
    sizes = {SIZE} if kind.max_length is None else {SIZE, kind.max_length - 2}
    for size in sizes:
        for attack in attacks(re.compile(kind.pattern or ""), size):
            with suppress(BadValue):
                kind.cast(attack)
