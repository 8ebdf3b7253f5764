"""Server-sent events: what is written, and what an EventSource would read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.wire import sse
from ringline.wire.sse import ServerSentEvent, SseDecoder, SseProblem

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)


def test_how_events_are_written() -> None:
    assert sse.encode_event(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert sse.encode_event(b"{}", "abcd1234:7") == b"id: abcd1234:7\ndata: {}\n\n"
    assert sse.encode_event(b"{}", name="error") == b"event: error\ndata: {}\n\n"
    assert sse.encode_event(b"a\r\nb\rc\nd") == b"data: a\ndata: b\ndata: c\ndata: d\n\n"
    assert sse.encode_opening("abcd1234:7") == b": ok\nid: abcd1234:7\n\n"
    assert sse.HEARTBEAT == b": hb\n\n"
    assert sse.encode_dropped(12) == b": dropped 12\n\n"


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b": ok\n\n", []),
        (b": ok\nid: 1\n\n", []),
        (b": dropped 3\n\n", []),
        (b"data: a\n\n", [("message", "a", "")]),
        (b"data:a\r\n\r\n", [("message", "a", "")]),
        (b"data:a\r\r", [("message", "a", "")]),
        (b"data:  a\n\n", [("message", " a", "")]),
        (b"data\n\n", [("message", "", "")]),
        (b"data\ndata\n\n", [("message", "\n", "")]),
        (b"data: a\ndata: b\n\n", [("message", "a\nb", "")]),
        (b"event: error\ndata: a\n\ndata: b\n\n", [("error", "a", ""), ("message", "b", "")]),
        (b"event: error\n\ndata: b\n\n", [("message", "b", "")]),  # no data, no event
        (b"id: 1\ndata: a\n\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "1")]),
        (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "")]),
        (b"id: 1\x00\ndata: a\n\n", [("message", "a", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a", "")]),
        (b"data: \xc3\xa4\n\n", [("message", "ä", "")]),
        (b"data: \xff\n\n", [("message", "\ufffd", "")]),
        (b"other: x\ndata: a\n\n", [("message", "a", "")]),
        (b"data: unfinished", []),
        (b"data: unfinished\n", []),
    ],
)
def test_streams_are_read_wherever_they_are_cut(
    stream: bytes, events: list[tuple[str, str, str]]
) -> None:
    expected = [ServerSentEvent(*event) for event in events]
    assert SseDecoder().feed(stream) == expected
    decoder = SseDecoder()
    one_by_one = [event for byte in stream for event in decoder.feed(bytes([byte]))]
    assert one_by_one == expected


@pytest.mark.timeout(60)  # what copies the line with every piece does not come back
def test_a_long_line_in_tiny_pieces_is_read() -> None:
    decoder = SseDecoder()
    for piece in [b"data: ", *([b"x"] * 600_000)]:
        assert decoder.feed(piece) == []
    assert decoder.feed(b"\n\n") == [ServerSentEvent("message", "x" * 600_000, "")]


def test_what_to_resume_with_and_when() -> None:
    decoder = SseDecoder()
    decoder.feed(b"retry: 1500\nretry: soon\nid: 7\n")
    assert (decoder.last_event_id, decoder.retry_ms) == ("", 1500)
    decoder.feed(b"\n")  # an id counts once its event is over, with data or without
    assert decoder.last_event_id == "7"


def test_an_event_without_end_is_refused() -> None:
    decoder = SseDecoder(max_event_bytes=100)
    decoder.feed(b"data: " + b"a" * 60 + b"\n")
    with pytest.raises(SseProblem):
        decoder.feed(b"data: " + b"a" * 60)


@given(st.lists(LINE, min_size=1), LINE | st.none(), LINE | st.none(), st.integers(1, 7))
def test_what_is_written_is_read_again(
    lines: list[str], event_id: str | None, name: str | None, step: int
) -> None:
    stream = sse.encode_opening("") + sse.encode_event(
        "\n".join(lines).encode(), event_id, name=name
    )
    decoder = SseDecoder()
    pieces = [stream[start : start + step] for start in range(0, len(stream), step)]
    events = [event for piece in pieces for event in decoder.feed(piece)]
    assert events == [ServerSentEvent(name or "message", "\n".join(lines), event_id or "")]


@given(st.lists(st.binary()))
def test_any_bytes_are_events_or_nothing(pieces: list[bytes]) -> None:
    decoder = SseDecoder()
    for piece in pieces:
        assert all(isinstance(event, ServerSentEvent) for event in decoder.feed(piece))
