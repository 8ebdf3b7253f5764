"""What the test voices make of texts: commands, echoes, and how they are spoken."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits, voice_limits
from ringline.domain.agent import Tool
from ringline.domain.config_members import SessionConfig
from ringline.voices.mock_script import (
    COMMANDS,
    NOTHING,
    CallTool,
    CloseIn,
    CountImages,
    Drop,
    Line,
    RaiseError,
    Returned,
    Say,
    Scene,
    SpeakFor,
    Spoken,
    TellConfig,
    Text,
    Unanswered,
    Unreadable,
    WaitFor,
    answer,
    cut,
    read,
    say,
    spread,
)
from ringline.voices.mock_sound import OUTPUT_HZ, Echo, Tone
from tests.voice_desk import hum

LONG, SLOW, CAP = (
    voice_limits.TEST_VOICE_LONG_MS.most,
    voice_limits.TEST_VOICE_SLOW_MS.most,
    voice_limits.TEST_VOICE_CAP_MS.most,
)
RESPONSE_MS = voice_limits.TEST_VOICE_RESPONSE_MS.most
CHARACTERS = limits.RESPONSE_CHARACTERS.most
SCENE = Scene(SessionConfig(model="mock/echo", voice="a"), 0, 440)
CLOCK = Scene(SessionConfig(model="mock/echo", tools=(Tool(name="clock"),)), 2, 440)


def said(*unanswered: Unanswered, scene: Scene = SCENE) -> list[tuple[str, int]]:
    """Return the texts of an answer and how many milliseconds each lasts."""
    steps = answer(unanswered, scene).steps
    return [(step.text, step.sound.duration_ms) for step in steps if isinstance(step, Say)]


# -- reading ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/tool clock", CallTool("clock", {})),
        ("/tool  clock  {}", CallTool("clock", {})),
        (
            '/tool clock {"tz": "UTC", "n": [1, null]}',
            CallTool("clock", {"tz": "UTC", "n": [1, None]}),
        ),
        ("/config", TellConfig()),
        ("/image", CountImages()),
        ("/long 1500", SpeakFor(1_500, "/long 1500")),
        ("/long 0", SpeakFor(0, "/long 0")),
        ("/slow 250", WaitFor(250, "/slow 250")),
        (
            "/error rate_limit_exceeded",
            RaiseError("rate_limit_exceeded", "/error rate_limit_exceeded"),
        ),
        ("/drop", Drop()),
        ("/drop  ", Drop()),
        ("/cap 5000", CloseIn(5_000, "/cap 5000")),
        ("/long 60001", SpeakFor(LONG, "/long 60001")),
        ("/slow 1000000000000", WaitFor(SLOW, "/slow 1000000000000")),
        ("/cap 300001", CloseIn(CAP, "/cap 300001")),
    ],
)
def test_a_command_is_read(line: str, found: Line) -> None:
    assert read(line) == (found,)


@pytest.mark.parametrize(
    "line",
    [
        "/tool",
        "/tool clock {",
        "/tool clock []",
        "/tool clock null",
        '/tool clock "text"',
        "/tool clock {} {}",
        "/tool clock " + "[" * 20_000,
        "/tool clock {'tz': 1}",
        "/long",
        "/long x",
        "/long -1",
        "/long 1.5",
        "/long 1 2",
        "/long ²",
        "/long ٣",
        "/slow soon",
        "/cap",
        "/error",
        "/error two words",
        "/error " + "x" * 65,
        "/config please",
        "/image 1",
        "/drop it",
    ],
)
def test_a_command_that_cannot_be_read_is_answered_with_a_sentence(line: str) -> None:
    assert read(line) == (Unreadable(line),)
    ((text, _),) = said(*read(line))
    quoted = line if len(line) <= 64 else f"{line[:64]}…"
    assert text == f'cannot read "{quoted}"'


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "",
        "/",
        "//",
        "/unknown 1",
        "/toolbox",
        " /drop",
        "say /drop",
        "a\n/drop",
        "\n/drop",
    ],
)
def test_any_other_text_is_echoed_as_it_stands(text: str) -> None:
    assert read(text) == (Text(text),)
    assert said(*read(text)) == [(f"echo: {text}", 20 * len(text))]


def test_a_text_that_begins_with_a_command_is_read_line_by_line() -> None:
    text = "/tool a\n\n/tool b {}\r\nhello\n/nothing\n  \n/long x"
    expected = (
        CallTool("a", {}),
        CallTool("b", {}),
        Text("hello"),
        Text("/nothing"),
        Unreadable("/long x"),
    )
    assert read(text) == expected


def test_only_so_many_lines_are_read() -> None:
    most = voice_limits.TEST_VOICE_LINES.most
    assert len(read("\n".join(["/tool a"] * (most + 10)))) == most


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from([*sorted(COMMANDS), "1", "{}", "x", " ", "\n"])).map(" ".join),
    )
)
def test_no_text_raises_and_every_answer_is_told_whole(text: str) -> None:
    lines = [line for line in read(text) if not isinstance(line, Drop)]
    for step in answer(lines, SCENE).steps:
        if isinstance(step, Say):
            assert "".join(piece.text for piece in spread(step)) == step.text


# -- answering ----------------------------------------------------------------------------


def test_what_was_spoken_is_said_back() -> None:
    audio = hum(1_200, OUTPUT_HZ)
    (step,) = answer([Spoken("heard 1200 ms", Echo(audio, OUTPUT_HZ))], SCENE).steps
    assert isinstance(step, Say)
    assert step.text == "echo: heard 1200 ms"
    assert b"".join(piece.pcm for piece in spread(step)) == audio


def test_several_lines_are_answered_together() -> None:
    heard = Spoken("heard 400 ms", Echo(hum(400, OUTPUT_HZ), OUTPUT_HZ))
    assert said(Text("one"), heard, Text("a\nb"), CountImages()) == [
        ("echo: one", 60),
        ("\necho: heard 400 ms", 400),
        ("\necho: a\nb", 60),
        ("\n0 images", 160),
    ]


def test_a_tool_is_called_if_the_config_has_it() -> None:
    call = CallTool("clock", {"tz": "UTC"})
    assert answer([Text("one"), call, Text("two")], CLOCK).steps == (
        Say("echo: one", Tone(440, 60)),
        call,
        Say("\necho: two", Tone(440, 60)),
    )
    assert said(call) == [("no tool clock", 260)]


def test_a_result_is_told_as_it_came() -> None:
    assert said(Returned("clock", '{"time":"12:00"}'), scene=CLOCK) == [
        ('tool clock returned {"time":"12:00"}', 720)
    ]


def test_the_config_is_told_as_json_within_a_second() -> None:
    ((text, duration_ms),) = said(TellConfig(), scene=CLOCK)
    told: dict[str, Any] = json.loads(text)
    assert msgspec.convert(told, SessionConfig) == CLOCK.config
    assert told["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
    }
    assert duration_ms == 1_000


def test_images_are_counted() -> None:
    assert said(CountImages(), scene=CLOCK) == [("2 images", 160)]


def test_long_speaks_for_so_long_and_slow_waits() -> None:
    assert said(SpeakFor(2_500, "/long 2500")) == [("echo: /long 2500", 2_500)]
    waits = answer([WaitFor(300, "/slow 300"), Text("x"), WaitFor(200, "/slow 200")], SCENE)
    assert waits.wait_ms == 500
    assert said(WaitFor(300, "/slow 300")) == [("echo: /slow 300", 180)]
    assert answer([WaitFor(SLOW, "/slow 60000")] * 2, SCENE).wait_ms == SLOW


def test_what_happens_at_once_is_echoed_all_the_same() -> None:
    assert said(RaiseError("quota", "/error quota"), CloseIn(1, "/cap 1")) == [
        ("echo: /error quota", 240),
        ("\necho: /cap 1", 120),
    ]


def test_a_request_for_nothing_is_answered() -> None:
    assert said() == [(NOTHING, 20 * len(NOTHING))]


def test_a_given_text_is_said_as_it_stands() -> None:
    (step,) = say("Good morning.", SCENE).steps
    assert step == Say("Good morning.", Tone(440, 260))


# -- bounds -------------------------------------------------------------------------------


def test_a_response_is_spoken_for_a_minute_and_the_rest_is_text_alone() -> None:
    heard = Spoken("heard 20000 ms", Echo(bytes(2 * 20 * OUTPUT_HZ), OUTPUT_HZ))
    assert said(SpeakFor(50_000, "/long 50000"), heard, Text("x")) == [
        ("echo: /long 50000", 50_000),
        ("\necho: heard 20000 ms", 10_000),
        ("\necho: x", 0),
    ]
    assert said(Text("x" * 5_000)) == [("echo: " + "x" * 5_000, RESPONSE_MS)]


def test_no_more_audio_is_kept_than_a_response_can_say() -> None:
    turn = Spoken("heard 20000 ms", Echo(bytes(2 * 20 * OUTPUT_HZ), OUTPUT_HZ))
    kept: list[Unanswered] = [Text("x")]
    for _ in range(5):
        kept.append(cut(turn, kept))
    spoken = [item.sound.duration_ms for item in kept if isinstance(item, Spoken)]
    assert spoken == [20_000, 20_000, 20_000, 0, 0]


def test_a_response_says_so_many_characters() -> None:
    texts = [text for text, _ in said(Text("x" * CHARACTERS), Text("y"))]
    assert "".join(texts) == ("echo: " + "x" * CHARACTERS)[:CHARACTERS]
    assert said(*read("x" * 2 * CHARACTERS)) == said(Text("x" * CHARACTERS))


# -- spreading ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "duration_ms", "pieces"),
    [
        ("echo: hello", 300, [("ech", 100), ("o: h", 100), ("ello", 100)]),
        ("abcdef", 250, [("ab", 100), ("cd", 100), ("ef", 50)]),
        ("ab", 300, [("", 100), ("a", 100), ("b", 100)]),
        ("ab", 20, [("ab", 20)]),
        ("ab", 0, [("ab", 0)]),
        ("", 200, [("", 100), ("", 100)]),
    ],
)
def test_a_text_is_spread_evenly_over_its_sound(
    text: str, duration_ms: int, pieces: list[tuple[str, int]]
) -> None:
    found = list(spread(Say(text, Tone(440, duration_ms))))
    assert [(piece.text, len(piece.pcm) * 1_000 // (2 * OUTPUT_HZ)) for piece in found] == pieces


@given(st.text(), st.integers(0, 3_000))
def test_pieces_are_the_whole(text: str, duration_ms: int) -> None:
    pieces = list(spread(Say(text, Tone(880, duration_ms))))
    assert "".join(piece.text for piece in pieces) == text
    assert b"".join(piece.pcm for piece in pieces) == b"".join(Tone(880, duration_ms).pieces())
    longest = max(len(piece.text) for piece in pieces)
    assert longest <= len(text) // len(pieces) + 1


@given(st.text(), st.integers(0, 9_000))
def test_an_echo_is_spread_whole(text: str, samples: int) -> None:
    pieces = list(spread(Say(text, Echo(bytes(2 * samples), 16_000))))
    assert "".join(piece.text for piece in pieces) == text
    assert sum(len(piece.pcm) for piece in pieces) // 2 == (3 * samples + 1) // 2
