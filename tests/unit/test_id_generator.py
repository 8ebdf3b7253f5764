"""The ids that are made: of their millisecond, in its order, and no two alike."""

import time
from uuid import RFC_4122

import pytest

from ringline.services import id_generator
from ringline.services.id_generator import new_id


def test_an_id_is_a_uuid7_of_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after


def test_no_two_are_alike_however_fast_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)
    made = {new_id() for _ in range(3 * id_generator._FETCHED_AT_ONCE)}
    assert len(made) == 3 * id_generator._FETCHED_AT_ONCE
    assert len({one.int >> 80 for one in made}) == 1


def test_a_later_id_sorts_behind_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(1_000_000, 101_000_000, 1_000_000))
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    made = [new_id() for _ in range(100)]
    assert made == sorted(made)
