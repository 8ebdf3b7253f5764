"""The table of limits: it is complete, and the code reads every limit from it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ringline
from ringline.config import Settings
from ringline.domain import (
    audit_limits,
    carrier_limits,
    console_limits,
    delivery_limits,
    limits,
    openai_limits,
    recording_limits,
    socket_limits,
    v1_limits,
    voice_limits,
    webhook_limits,
)
from ringline.domain.limit import Limit
from ringline.domain.limits import LIMITS

SOURCES = Path(ringline.__file__).parent
TESTS = Path(__file__).parents[1]
#: Constants that tests patch; none is a limit.
PATCHED = {"HEAD", "PAGE", "REPOSITORY", "ROUTES"}
NAMED = {
    name: value
    for table in (
        limits,
        audit_limits,
        carrier_limits,
        console_limits,
        delivery_limits,
        openai_limits,
        recording_limits,
        socket_limits,
        v1_limits,
        voice_limits,
        webhook_limits,
    )
    for name, value in vars(table).items()
    if isinstance(value, Limit)
}


def test_every_limit_stands_at_one_wall() -> None:
    listed = [limit for rows in LIMITS.values() for limit in rows]
    assert len(listed) == len(NAMED)
    assert {id(limit) for limit in listed} == {id(limit) for limit in NAMED.values()}


def test_the_code_reads_every_limit_from_the_table() -> None:
    read: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        read |= set(
            re.findall(
                r"\b(?:audit_|carrier_|console_|delivery_|openai_|recording_|socket_|v1_|voice_|webhook_)?limits\.([A-Z][A-Z0-9_]+)\b",
                path.read_text("utf-8"),
            )
        )
    assert read >= set(NAMED), "a bound that no code reads is none"


@pytest.mark.parametrize("limit", [one for one in NAMED.values() if one.setting])
def test_a_setting_that_moves_a_limit_exists(limit: Limit) -> None:
    assert limit.setting.lower() in Settings.model_fields


def test_limits_are_positive_and_told() -> None:
    for limit in NAMED.values():
        assert limit.most > 0
        assert limit.what
        assert limit.unit
        assert limit.beyond


def constants_patched_in(source: str) -> Iterator[str]:
    """Yield the names in capitals that `monkeypatch.setattr` replaces."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name("monkeypatch"), attr="setattr"),
                args=[ast.Constant(str(path)), _] | [_, ast.Constant(str(path)), _],
            ) if re.fullmatch(r"_?[A-Z][A-Z0-9_]+", name := path.rpartition(".")[2]):
                yield name


def test_limits_are_handed_in_and_not_patched() -> None:
    patched = {
        name
        for path in TESTS.rglob("*.py")
        if "monkeypatch" in (source := path.read_text("utf-8"))
        for name in constants_patched_in(source)
    }
    assert patched == PATCHED


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ('setattr(limits, "PAGE_BYTES", 4)', ["PAGE_BYTES"]),
        ('setattr("ringline.voices.attendant._LOOK_S", 4)', ["_LOOK_S"]),
        ('setattr(app, "Calls", Reached)', []),
        ('setattr("ringline.wire.realtime.decode", broken)', []),
        ('setenv("RINGLINE_PORT", "4")', []),
    ],
)
def test_a_patched_constant_is_found(call: str, names: list[str]) -> None:
    assert list(constants_patched_in(f"monkeypatch.{call}")) == names
