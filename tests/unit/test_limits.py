"""The table of limits: every bound is in it, and the code reads every one from it."""

import re
from pathlib import Path

import pytest

import ringline
from ringline.config import Settings
from ringline.domain import limits
from ringline.domain.limits import LIMITS, Limit

SOURCES = Path(ringline.__file__).parent
NAMED = {name: value for name, value in vars(limits).items() if isinstance(value, Limit)}


def test_every_limit_stands_at_one_wall() -> None:
    listed = [limit for rows in LIMITS.values() for limit in rows]
    assert len(listed) == len(NAMED)
    assert {id(limit) for limit in listed} == {id(limit) for limit in NAMED.values()}


def test_the_code_reads_every_limit_from_the_table() -> None:
    read: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        read |= set(re.findall(r"\blimits\.([A-Z][A-Z0-9_]+)\b", path.read_text("utf-8")))
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
