"""Positions in the log, as clients write them (contract, 2)."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import (
    AfterEvent,
    Environment,
    FromBeginning,
    Position,
    Scope,
    parse_since,
)
from ringline.ports import LogHead

HEAD = LogHead("k3v9x2ab", newest=9, oldest=4)
EVENT = UUID(int=0x0193_0000_0000_7000_8000_0000_0000_0001)


@given(st.from_regex(r"[0-9a-z]{8}", fullmatch=True), st.integers(0, 10**18 - 1))
def test_a_position_is_read_as_it_is_written(epoch: str, offset: int) -> None:
    position = Position(epoch, offset)
    assert parse_since(str(position)) == position


def test_0_is_before_the_first_event() -> None:
    assert parse_since("0") == FromBeginning()


@pytest.mark.parametrize("text", [format_id(Prefix.EVENT, EVENT), str(EVENT)])
def test_an_event_id_is_a_position_too(text: str) -> None:
    assert parse_since(text) == AfterEvent(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "1",
        "-1",
        "abcdefgh",
        "abcdefgh:",
        "abcdefg:1",
        "abcdefghi:1",
        "ABCDEFGH:1",
        "abcdefgh:01",
        "abcdefgh:-1",
        "abcdefgh:+1",
        "abcdefgh:1.0",
        "abcdefgh:١",
        "abcdefgh:1\n",
        "abcdefgh:" + "9" * 19,
        " abcdefgh:1",
        format_id(Prefix.CALL, EVENT),
    ],
)
def test_anything_else_is_no_position(text: str) -> None:
    assert parse_since(text) is None


def test_the_logs_of_a_workspace_stand_in_the_order_of_their_locks() -> None:
    one, two = UUID(int=1), UUID(int=2)
    keys = [Scope(id_, environment) for id_ in (two, one) for environment in Environment]
    assert sorted(keys) == [
        Scope(one, Environment.LIVE),
        Scope(one, Environment.TEST),
        Scope(two, Environment.LIVE),
        Scope(two, Environment.TEST),
    ]


@pytest.mark.parametrize("offset", [3, 4, 8, 9])
def test_a_log_is_resumed_after_a_place_behind_which_everything_is_kept(offset: int) -> None:
    assert HEAD.resume_after(Position(HEAD.epoch, offset)) == offset


@pytest.mark.parametrize(
    "place",
    [
        Position("k3v9x2ab", 2),
        Position("k3v9x2ab", 10),
        Position("k3v9x2ab", -1),
        Position("00000000", 5),
        Position("", 0),
        FromBeginning(),
    ],
    ids=str,
)
def test_a_log_is_not_resumed_after_what_is_gone_ahead_or_of_another_epoch(
    place: Position | FromBeginning,
) -> None:
    assert HEAD.resume_after(place) is None


@pytest.mark.parametrize("newest", [0, 5])
def test_a_log_that_keeps_everything_is_resumed_from_the_beginning(newest: int) -> None:
    whole = LogHead("k3v9x2ab", newest, oldest=1)
    assert whole.resume_after(FromBeginning()) == 0
    assert whole.resume_after(Position(whole.epoch, 0)) == 0
    assert whole.resume_after(Position(whole.epoch, newest + 1)) is None
