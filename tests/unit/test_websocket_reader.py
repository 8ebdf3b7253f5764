"""Reading a client's frames, against the rules of RFC 6455 and against PyPI's `websockets`."""

import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import chain

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from websockets import frames as theirs
from websockets.protocol import OPEN, Protocol, Side

from ringline.wire.websocket_frames import close_frame, ping_frame, pong_frame, text_frame
from ringline.wire.websocket_reader import (
    COUNTED_BYTES,
    Close,
    CloseCode,
    Event,
    MessageReader,
    Part,
    Ping,
    Pong,
    ServerMessageReader,
    Violation,
    unmask,
)
from tests.realtime_session import frame

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MOST = 70_000


def events_of(reader: MessageReader, pieces: Iterable[bytes]) -> Iterator[Event]:
    for piece in pieces:
        reader.receive_data(piece)
        while (event := reader.next_event()) is not None:
            yield event


def read(*pieces: bytes, max_bytes: int = MOST) -> list[Event]:
    return list(events_of(MessageReader(max_bytes), pieces))


def without_parts(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Part)]


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


# What is sent by the rules.


def test_the_examples_of_the_rfc() -> None:
    assert read(bytes.fromhex("818537fa213d7f9f4d5158")) == ["Hello"]
    fragments = frame(TEXT, b"Hel", fin=False) + frame(CONTINUATION, b"lo")
    assert read(fragments) == [Part(), "Hello"]


def test_each_kind_of_frame() -> None:
    sent = [
        frame(TEXT, "Grüß 👋".encode()),
        frame(TEXT),
        frame(BINARY, b"\x00\xff"),
        frame(PING, b"one"),
        frame(PONG, b"unasked"),
        frame(TEXT, b"a", fin=False),
        frame(PING, b"between"),
        frame(CONTINUATION, b"", fin=False),
        frame(CONTINUATION, b"b"),
        frame(BINARY, b"c", fin=False),
        frame(CONTINUATION, b"d"),
        close(4001, "tschüß".encode()),
        frame(TEXT, b"after the close"),
    ]
    events = [
        "Grüß 👋",
        "",
        b"\x00\xff",
        Ping(b"one"),
        Pong(),
        Part(),
        Ping(b"between"),
        Part(),
        "ab",
        Part(),
        b"cd",
        Close(4001, "tschüß"),
    ]
    assert read(b"".join(sent)) == events
    assert read(*sent) == events
    assert read(*bytewise(b"".join(sent))) == events


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, MOST])
def test_every_length(size: int) -> None:
    sent = frame(TEXT, b"x" * size)
    assert read(sent) == ["x" * size]
    assert read(sent[:1], sent[1:9], sent[9:-1], sent[-1:]) == ["x" * size]


def test_a_close_without_a_code() -> None:
    assert read(frame(CLOSE)) == [Close(None, "")]


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    assert read(close(code)) == [Close(code, "")]


def test_a_character_may_be_cut_by_fragments() -> None:
    euro = "€".encode()
    fragments = [frame(TEXT, euro[:1], fin=False), frame(CONTINUATION, euro[1:])]
    assert read(*fragments)[-1] == "€"


# What breaks a rule.

BROKEN: dict[str, tuple[bytes, CloseCode]] = {
    "unmasked": (frame(TEXT, b"x", masked=False), CloseCode.PROTOCOL_ERROR),
    "an unmasked close": (frame(CLOSE, masked=False), CloseCode.PROTOCOL_ERROR),
    "the first reserved bit": (frame(0x41, b"x"), CloseCode.PROTOCOL_ERROR),
    "the last reserved bit": (frame(0x11, b"x"), CloseCode.PROTOCOL_ERROR),
    "a reserved bit of a ping": (frame(0x29), CloseCode.PROTOCOL_ERROR),
    "a reserved opcode": (frame(0x3, b"x"), CloseCode.PROTOCOL_ERROR),
    "a reserved control opcode": (frame(0xB), CloseCode.PROTOCOL_ERROR),
    "a ping in fragments": (frame(PING, fin=False), CloseCode.PROTOCOL_ERROR),
    "a long ping": (frame(PING, b"x" * 126), CloseCode.PROTOCOL_ERROR),
    "a long close": (close(1000, b"x" * 124), CloseCode.PROTOCOL_ERROR),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), CloseCode.PROTOCOL_ERROR),
    "two messages at once": (
        frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"),
        CloseCode.PROTOCOL_ERROR,
    ),
    "two fragmented messages at once": (
        frame(TEXT, b"x", fin=False) + frame(BINARY, b"y", fin=False),
        CloseCode.PROTOCOL_ERROR,
    ),
    "16 bits for a short length": (b"\x81\xfe\x00\x7d" + bytes(4 + 125), CloseCode.PROTOCOL_ERROR),
    "64 bits for a short length": (
        b"\x81\xff" + (65_535).to_bytes(8, "big") + bytes(4 + 65_535),
        CloseCode.PROTOCOL_ERROR,
    ),
    "the highest bit of a length": (
        b"\x82\xff" + (1 << 63).to_bytes(8, "big") + bytes(4),
        CloseCode.PROTOCOL_ERROR,
    ),
    "a close of one byte": (frame(CLOSE, b"\x03"), CloseCode.PROTOCOL_ERROR),
    "a close code below all": (close(999), CloseCode.PROTOCOL_ERROR),
    "a close code that is never sent": (close(1006), CloseCode.PROTOCOL_ERROR),
    "a close code that nobody defined": (close(2999), CloseCode.PROTOCOL_ERROR),
    "a close code above all": (close(5000), CloseCode.PROTOCOL_ERROR),
    "a reason that is no UTF-8": (close(1000, b"\xff"), CloseCode.INVALID_TEXT),
    "text that is no UTF-8": (frame(TEXT, b"\xc3\x28"), CloseCode.INVALID_TEXT),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), CloseCode.INVALID_TEXT),
    "text that ends within a character": (
        frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x82"),
        CloseCode.INVALID_TEXT,
    ),
    "a message that is too large": (frame(TEXT, b"x" * (MOST + 1)), CloseCode.TOO_LARGE),
    "fragments that are too large": (
        frame(BINARY, b"x" * MOST, fin=False) + frame(PING) + frame(CONTINUATION, b"x"),
        CloseCode.TOO_LARGE,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_reported_once_and_with_its_code(name: str) -> None:
    sent, code = BROKEN[name]
    good = frame(TEXT, b"before")
    for pieces in ([good + sent + sent], [good, sent, sent], bytewise(good + sent + sent)):
        events = read(*pieces)
        assert events[0] == "before"
        assert [event for event in events if isinstance(event, Violation)] == [Violation(code)]
        late = events[events.index(Violation(code)) + 1 :]
        assert all(isinstance(event, Part | Close) for event in late)


#: Not a close frame itself, and there is telling where the next frame begins.
GOING_ON = [name for name in BROKEN if not any(word in name for word in ("close", "reason", "bit"))]


@pytest.mark.parametrize("name", [*GOING_ON, "the first reserved bit"])
def test_after_a_broken_rule_only_the_close_is_read(name: str) -> None:
    sent, code = BROKEN[name]
    reader = MessageReader(MOST)
    skipped = frame(TEXT, b"more" * 100) + frame(PING) + frame(0x3)
    events = list(events_of(reader, bytewise(sent + skipped + frame(CLOSE, b"\x03\xea"))))
    assert Violation(code) in events
    assert isinstance(events[-1], Close)
    assert events.count(Part()) >= 3
    assert reader.closed


def test_a_close_that_is_broken_is_still_the_last_frame() -> None:
    reader = MessageReader(MOST)
    assert list(events_of(reader, [close(1005) + frame(TEXT, b"x")])) == [
        Violation(CloseCode.PROTOCOL_ERROR)
    ]
    assert reader.closed


def test_what_is_too_large_is_not_kept() -> None:
    reader = MessageReader(1_000)
    size = 50_000_000
    head = frame(BINARY, b"x" * 65_536)[:2] + size.to_bytes(8, "big") + bytes(4)
    tracemalloc.start()
    try:
        rest = (bytes(50_000) for _ in range(size // 50_000))
        events = list(events_of(reader, chain([head], rest)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert events == [Violation(CloseCode.TOO_LARGE), Part()]
    assert peak < 1_000_000


# How much is read, and how it counts.


def test_each_call_reads_one_frame_at_most() -> None:
    reader = MessageReader(MOST)
    reader.receive_data(frame(TEXT, b"x") * 3 + frame(TEXT, fin=False) + frame(CONTINUATION))
    for number, event in enumerate(["x", "x", "x", Part(), ""], start=1):
        assert reader.next_event() == event
        assert reader.frames == number
    assert reader.is_empty
    assert reader.next_event() is None


def test_a_large_frame_counts_as_several_from_its_header_on() -> None:
    reader = MessageReader(10 * COUNTED_BYTES)
    reader.receive_data(frame(TEXT, b"x" * 3 * COUNTED_BYTES)[:20])
    assert reader.next_event() is None
    assert reader.frames == 4
    assert reader.is_empty


def test_bytes_that_are_not_read_yet_wait() -> None:
    reader = MessageReader(MOST)
    reader.receive_data(frame(TEXT, b"one") + frame(TEXT, b"two"))
    assert reader.next_event() == "one"
    assert not reader.is_empty
    reader.receive_data(frame(TEXT, b"three"))
    assert [reader.next_event() for _ in range(3)] == ["two", "three", None]


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_unmasking_is_the_xor_of_the_rfc(data: bytes, key: bytes) -> None:
    mixed = bytearray(data)
    unmask(key, mixed)
    assert mixed == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


# Beside another implementation.

texts = st.text(max_size=200).map(str.encode)
controls = st.one_of(
    st.binary(max_size=125).map(lambda data: theirs.Frame(theirs.Opcode.PING, data)),
    st.binary(max_size=125).map(lambda data: theirs.Frame(theirs.Opcode.PONG, data)),
)


@st.composite
def messages(draw: st.DrawFn) -> list[theirs.Frame]:
    """Draw a message in fragments, with control frames between them."""
    opcode = draw(st.sampled_from([theirs.Opcode.TEXT, theirs.Opcode.BINARY]))
    payload = draw(texts) if opcode is theirs.Opcode.TEXT else draw(st.binary(max_size=200))
    drawn = list[theirs.Frame]()
    pieces = cut(payload, draw(st.lists(st.integers(0, 60), max_size=3)))
    for number, piece in enumerate(pieces):
        kind = opcode if number == 0 else theirs.Opcode.CONT
        drawn.append(theirs.Frame(kind, piece, fin=number == len(pieces) - 1))
        if number < len(pieces) - 1:
            drawn += draw(st.lists(controls, max_size=2))
    return drawn


def meaning(sent: list[theirs.Frame]) -> list[Event]:
    """Return what frames mean, parts of messages left out."""
    said, message, opcode = list[Event](), b"", theirs.Opcode.TEXT
    for one in sent:
        if one.opcode is theirs.Opcode.PING:
            said.append(Ping(bytes(one.data)))
        elif one.opcode is theirs.Opcode.PONG:
            said.append(Pong())
        else:
            opcode = opcode if one.opcode is theirs.Opcode.CONT else one.opcode
            message += one.data
            if one.fin:
                said.append(message.decode() if opcode is theirs.Opcode.TEXT else message)
                message = b""
    return said


@given(
    st.lists(st.one_of(messages(), controls.map(lambda one: [one])), max_size=6),
    st.lists(st.integers(0, 100), max_size=30),
)
def test_what_they_write_is_read_however_it_is_cut(
    sent: list[list[theirs.Frame]], sizes: list[int]
) -> None:
    whole = [one for group in sent for one in group]
    data = b"".join(one.serialize(mask=True) for one in whole)
    events = read(*cut(data, sizes))
    assert without_parts(events) == meaning(whole)


@given(st.text(max_size=300), st.binary(max_size=125), st.sampled_from([1000, 1009, 4001]))
def test_they_read_what_we_write(text: str, payload: bytes, code: int) -> None:
    them = Protocol(Side.CLIENT, state=OPEN)
    sent = text_frame(text.encode()) + ping_frame(payload) + pong_frame(payload)
    them.receive_data(sent + close_frame(code, text))
    said, ping, pong, goodbye = them.events_received()
    assert isinstance(said, theirs.Frame)
    assert said.data == text.encode()
    assert isinstance(ping, theirs.Frame)
    assert isinstance(pong, theirs.Frame)
    assert (ping.opcode, ping.data) == (theirs.Opcode.PING, payload)
    assert (pong.opcode, pong.data) == (theirs.Opcode.PONG, payload)
    assert isinstance(goodbye, theirs.Frame)
    assert them.close_rcvd is not None
    assert them.close_rcvd.code == code
    assert text.startswith(them.close_rcvd.reason)


def their_verdict(data: bytes) -> int | None:
    """Return the code with which they would close, if a frame breaks a rule."""
    them = Protocol(Side.SERVER, state=OPEN, max_size=MOST)
    them.receive_data(data)
    if them.parser_exc is None:
        return None
    assert them.close_sent is not None
    return them.close_sent.code


heads = st.tuples(
    st.sampled_from([*range(16), 0x41, 0x81, 0x82, 0x80, 0x88, 0x89, 0x8A, 0x8B, 0xC1, 0x91]),
    st.sampled_from([b"", b"x", b"\x0c\x00", b"\x03\x00bye", b"y" * 126]),
    st.booleans(),
)


def closes_within_message(sent: list[tuple[int, bytes, bool]]) -> bool:
    """Return whether a close frame comes between the fragments of a message.

    RFC 6455, 5.4 lets control frames come there; theirs takes it for a broken rule.
    """
    is_open = False
    for first, _, _ in sent:
        if first & 0x0F == CLOSE and is_open:
            return True
        if first & 0x0F <= BINARY:
            is_open = not first & 0x80
    return False


@given(st.lists(heads, min_size=1, max_size=5))
def test_we_and_they_agree_on_the_rules(sent: list[tuple[int, bytes, bool]]) -> None:
    assume(not closes_within_message(sent))
    data = b"".join(
        frame(first & 0x7F, payload, masked=masked, fin=bool(first & 0x80))
        for first, payload, masked in sent
    )
    broken = [event.code for event in read(data) if isinstance(event, Violation)]
    verdict = their_verdict(data)
    assert broken == ([] if verdict is None else [verdict])


@given(st.binary(max_size=400), st.lists(st.integers(0, 50), max_size=20))
def test_any_bytes_are_events_however_they_are_cut(data: bytes, sizes: list[int]) -> None:
    whole = without_parts(read(data, max_bytes=100))
    assert without_parts(read(*cut(data, sizes), max_bytes=100)) == whole
    assert sum(isinstance(event, Violation) for event in whole) <= 1


@given(st.lists(st.sampled_from(sorted(BROKEN)), max_size=3), st.lists(st.binary(max_size=20)))
def test_broken_frames_among_any_bytes(names: list[str], between: list[bytes]) -> None:
    reader = MessageReader(100)
    pieces = [*(BROKEN[name][0] for name in names), *between]
    events = list(events_of(reader, pieces))
    broken = [at for at, event in enumerate(events) if isinstance(event, Violation)]
    assert len(broken) == (1 if names else len(broken))
    if broken:
        assert all(isinstance(event, Part | Close) for event in events[broken[0] + 1 :])


# A message that arrives by itself.


@given(st.text(max_size=9), st.integers(0, COUNTED_BYTES + 9))
def test_a_message_that_arrives_by_itself_is_what_would_be_read(text: str, size: int) -> None:
    payload = text.encode() + b"x" * (size - len(text.encode()))
    reader = MessageReader(MOST)
    assert reader.is_between_messages
    found = reader.whole_text(frame(TEXT, payload))
    assert (found is not None) == (126 <= len(payload) < COUNTED_BYTES)
    assert found is None or read(frame(TEXT, payload)) == [found.decode()]
    assert reader.is_between_messages
    assert reader.frames == 0, "nothing was taken"


def test_whatever_is_not_one_masked_message_is_left() -> None:
    body = b"x" * 200
    whole = frame(TEXT, body)
    for other in (
        b"",
        whole[:-1],
        whole[:7],
        whole + b"\x81",
        whole + whole,
        frame(TEXT, body, masked=False),
        frame(TEXT, body, fin=False),
        frame(BINARY, body),
        frame(CONTINUATION, body),
        bytes([0xC1]) + whole[1:],
        bytes([0x81, 0x80 | 126, 0, 5]) + bytes(9 + 125),
    ):
        assert MessageReader(MOST).whole_text(other) is None, other[:8]
    assert MessageReader(199).whole_text(whole) is None, "it is too large"
    assert MessageReader(200).whole_text(whole) == body


@pytest.mark.parametrize(
    "before",
    [
        frame(TEXT, b"x" * 200)[:50],
        frame(TEXT, b"x", fin=False),
        frame(TEXT, b"x", masked=False),
        close(1000),
    ],
    ids=["half", "part", "unmasked", "close"],  # the bytes are masked at random
)
def test_nothing_is_a_message_by_itself_after_a_part_or_the_end(before: bytes) -> None:
    reader = MessageReader(MOST)
    list(events_of(reader, [before]))
    assert not reader.is_between_messages


# What a server sends.


def of_server(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return frame(opcode, payload, fin=fin, masked=False)


def read_server(*pieces: bytes, max_bytes: int = MOST) -> list[Event]:
    return list(events_of(ServerMessageReader(max_bytes), pieces))


def test_each_kind_of_a_servers_frame() -> None:
    sent = [
        of_server(TEXT, "Grüß 👋".encode()),
        of_server(TEXT, b"\xff is no UTF-8"),
        of_server(BINARY, b"\x00\xff"),
        of_server(PING, b"one"),
        of_server(TEXT, b"a", fin=False),
        of_server(CONTINUATION, b"b"),
        of_server(CLOSE, (1015).to_bytes(2, "big") + "tschüß".encode()),
        of_server(TEXT, b"after the close"),
    ]
    events = [
        "Grüß 👋".encode(),
        b"\xff is no UTF-8",
        b"\x00\xff",
        Ping(b"one"),
        Part(),
        b"ab",
        Close(1015, "tschüß"),
    ]
    assert read_server(b"".join(sent)) == events
    assert read_server(*sent) == events
    assert read_server(*bytewise(b"".join(sent))) == events


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"masked"), CloseCode.PROTOCOL_ERROR),
        (of_server(3), CloseCode.PROTOCOL_ERROR),
        (of_server(PING, b"x" * 126), CloseCode.PROTOCOL_ERROR),
        (of_server(CLOSE, b"\x03"), CloseCode.PROTOCOL_ERROR),
        (of_server(CLOSE, b"\x03\xe8\xff"), CloseCode.INVALID_TEXT),
        (of_server(TEXT, b"x" * (MOST + 1)), CloseCode.TOO_LARGE),
    ],
    ids=["masked", "opcode", "large ping", "half a code", "no UTF-8", "large"],
)
def test_what_a_server_must_not_send(sent: bytes, code: CloseCode) -> None:
    assert without_parts(read_server(sent, of_server(TEXT, b"more")))[0] == Violation(code)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [126, 127, 2_600, 65_535])
def test_a_servers_whole_message(opcode: int, size: int) -> None:
    payload = b"x" * size
    assert ServerMessageReader(MOST).whole_message(of_server(opcode, payload)) == payload


@pytest.mark.parametrize(
    "data",
    [
        of_server(TEXT, b"x" * 125),
        of_server(TEXT, b"x" * 65_536),
        of_server(TEXT, b"x" * 200)[:-1],
        of_server(TEXT, b"x" * 200) + b"\x81",
        of_server(TEXT, b"x" * 200, fin=False),
        of_server(CONTINUATION, b"x" * 200),
        of_server(PING, b"x" * 200),
        frame(TEXT, b"x" * 200),
    ],
    ids=["short", "long", "cut", "and more", "a part", "continued", "ping", "masked"],
)
def test_what_is_no_whole_message_of_a_server(data: bytes) -> None:
    assert ServerMessageReader(MOST).whole_message(data) is None


@given(st.binary(max_size=400), st.lists(st.integers(1, 40), max_size=8))
def test_any_bytes_of_a_server_are_read_alike_however_they_are_cut(
    data: bytes, sizes: list[int]
) -> None:
    whole, pieces = read_server(data), read_server(*cut(data, sizes))
    assert without_parts(whole) == without_parts(pieces)
