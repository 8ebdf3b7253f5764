"""Range requests: which part of a file a client asks for (RFC 9110, 14)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.wire.byte_ranges import (
    ByteRange,
    Unsatisfiable,
    asked_range,
    holds_if_range,
    unsatisfied,
)

SIZE = 10_000
ETAG = '"abc-10000"'


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        # The examples of 14.1.2, for a file of 10,000 bytes.
        ("bytes=0-499", 0, 499),
        ("bytes=500-999", 500, 999),
        ("bytes=-500", 9500, 9999),
        ("bytes=9500-", 9500, 9999),
        ("bytes=0-0", 0, 0),
        ("bytes=9999-9999", 9999, 9999),
        ("bytes=9999-", 9999, 9999),
        ("bytes=0-", 0, 9999),
        ("bytes=0-99999", 0, 9999),
        ("bytes=-99999", 0, 9999),
        ("BYTES=7-8", 7, 8),
        (" bytes= 7-8 ", 7, 8),
        ("bytes=007-008", 7, 8),
        ("bytes=5-" + "9" * 5000, 5, 9999),
        ("bytes=-" + "9" * 5000, 0, 9999),
    ],
)
def test_a_part(text: str, first: int, last: int) -> None:
    assert asked_range(text, SIZE) == ByteRange(first, last)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=5-4",  # the last before the first: invalid
        "bytes=a-b",
        "bytes=0x1-2",
        "bytes=0 - 5",
        "bytes=1-2-3",
        "bytes=٣-٤",
        "bytes =0-5",
        "items=0-5",
        "0-5",
        "bytes=0-1,3-4",  # several
        "bytes=0-1,",
        "bytes=20000-,0-1",
    ],
)
def test_what_is_answered_with_the_whole(text: str | None) -> None:
    assert asked_range(text, SIZE) is None


@pytest.mark.parametrize("text", ["bytes=10000-", "bytes=10000-10001", "bytes=-0", "bytes=-00"])
def test_what_lies_outside(text: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_range(text, SIZE)


def test_nothing_is_inside_an_empty_file() -> None:
    for text in ("bytes=0-", "bytes=0-5", "bytes=-5"):
        with pytest.raises(Unsatisfiable):
            asked_range(text, 0)
    assert unsatisfied(0) == "bytes */0"


@given(st.binary(min_size=1, max_size=300), st.data())
def test_the_parts_put_together_are_the_file(file: bytes, data: st.DataObject) -> None:
    cuts = sorted(
        data.draw(st.sets(st.integers(1, len(file) - 1) if len(file) > 1 else st.nothing()))
    )
    edges = [0, *cuts, len(file)]
    together = b""
    for begin, end in itertools.pairwise(edges):
        if end == len(file):
            text = data.draw(
                st.sampled_from(
                    (f"bytes={begin}-", f"bytes=-{end - begin}", f"bytes={begin}-{end}")
                )
            )
        else:
            text = f"bytes={begin}-{end - 1}"
        part = asked_range(text, len(file))
        assert part is not None
        assert part.size == end - begin
        assert part.content_range(len(file)) == f"bytes {begin}-{end - 1}/{len(file)}"
        together += file[part.first : part.last + 1]
    assert together == file


@given(st.text(), st.integers(0, 2**40))
def test_anything_else_is_a_part_the_whole_or_outside(text: str, size: int) -> None:
    for asked in (text, f"bytes={text}"):
        try:
            part = asked_range(asked, size)
        except Unsatisfiable:
            continue
        assert part is None or 0 <= part.first <= part.last < size


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (None, True),
        (ETAG, True),
        (f" {ETAG} ", True),
        (f"W/{ETAG}", False),
        ('"another"', False),
        ("abc-10000", False),
        ("*", False),
        ("Mon, 30 Nov 2026 08:00:00 GMT", False),
        ("", False),
    ],
)
def test_if_range(text: str | None, holds: bool) -> None:
    assert holds_if_range(text, ETAG) is holds
