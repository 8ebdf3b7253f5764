"""The realtime voice socket: its frames both ways, its errors, its audio."""

import base64
import binascii
import json
import string
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import leg, limits
from ringline.domain.audio import Chunk
from ringline.domain.endings import EndCause
from ringline.domain.voice import VoiceFailure
from ringline.wire import realtime
from ringline.wire.realtime_errors import (
    ERRORS,
    NOISE,
    REFUSALS,
    VOICE_TROUBLES,
    Ends,
    SessionProblem,
    ends_session,
)

CALL = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def encoded(order: leg.LegOrder) -> Any:
    return json.loads(realtime.encode(order))


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ('{"type":"session.start","config":{}}', realtime.SessionStart(config={})),
        ('{"type":"session.start"}', realtime.SessionStart()),
        ('{"type":"session.start","config":null}', realtime.SessionStart()),
        (
            '{"type":"session.start","agent_id":"agt_x","config":{"voice":"a"},"event_id":"7"}',
            realtime.SessionStart(config={"voice": "a"}, agent_id="agt_x"),
        ),
        ('{"audio":"AAA=","type":"audio.append"}', realtime.AudioAppend("AAA=")),
        ('{"type":"audio.commit"}', realtime.AudioCommit()),
        ('{"type":"audio.clear"}', realtime.AudioClear()),
        ('{"type":"text.input","text":"hallo"}', realtime.TextInput("hallo")),
        ('{"type":"response.create","extra":[1]}', realtime.ResponseCreate()),
        ('{"type":"response.cancel"}', realtime.ResponseCancel()),
        (
            '{"type":"session.update","config":{"voice":"a"}}',
            realtime.SessionUpdate(config={"voice": "a"}),
        ),
        (
            '{"type":"tool.result","tool_call_id":"c","tool_result":null}',
            realtime.ToolResult("c", None),
        ),
        (
            '{"type":"image.input","image_url":"data:image/png;base64,AAAA","text":"a map"}',
            realtime.ImageInput("data:image/png;base64,AAAA", None, "a map"),
        ),
    ],
)
def test_client_frames_are_read(frame: str, event: realtime.ClientEvent) -> None:
    assert realtime.decode(frame) == event
    assert realtime.decode(msgspec.json.encode(event)) == event


@pytest.mark.parametrize(
    ("frame", "code", "part"),
    [
        ("", "invalid_json", "not valid JSON"),
        ("{", "invalid_json", "not valid JSON"),
        ('{"type":"audio.clear","x":' + "[" * 10_000, "invalid_json", "nested too deeply"),
        ('{"type":"audio.clear","x":[%s1]}' % ("[]," * 10_000), "invalid_json", "too many"),
        (
            '{"type":"session.start","config":{"x":[%s1]}}' % ("[]," * 5_000_000),
            "invalid_json",
            "too many",
        ),
        ('{"type":"nonsense","x":[%s1]}' % ("[]," * 10_000), "invalid_json", "too many"),
        ('{"type":"audio.append","audio":7,', "invalid_json", "not valid JSON"),
        ('{"type":"text.input","text":"a\\u0000b"}', "invalid_json", "U+0000"),
        (b'{"type":"text.input","text":"\xff"}', "invalid_json", "UTF-8"),
        ("[]", "invalid_event", "object"),
        ("7", "invalid_event", "object"),
        ("{}", "invalid_event", "type"),
        ('{"type":7}', "invalid_event", "type"),
        ('{"type":"audio.append"}', "invalid_event", "audio.append: object missing"),
        ('{"type":"audio.append","audio":7}', "invalid_event", "at audio"),
        ('{"type":"text.input","text":""}', "invalid_event", "1 to 32000 characters"),
        ('{"type":"text.input","text":"%s"}' % ("a" * 32_001), "invalid_event", "32000"),
        ('{"type":"session.start","config":7}', "invalid_config", "config"),
        ('{"type":"session.start","agent_id":7}', "invalid_config", "agent_id"),
        ('{"type":"nonsense"}', "unknown_event", 'unknown event "nonsense"'),
        ('{"type":"session.update"}', "invalid_event", "session.update: object missing"),
        ('{"type":"session.update","config":[]}', "invalid_event", "config"),
        ('{"type":"tool.result","tool_call_id":"c"}', "invalid_event", "tool_result"),
        ('{"type":"tool.result","tool_result":1}', "invalid_event", "tool_call_id"),
        ('{"type":"tool.result","tool_call_id":7,"tool_result":1}', "invalid_event", "call_id"),
        ('{"type":"image.input"}', "invalid_event", "image_url"),
        ('{"type":"image.input","image_url":"x","text":7}', "invalid_event", "text"),
        (
            '{"type":"image.input","image_url":"x","text":"%s"}' % ("a" * 32_001),
            "invalid_event",
            "32000",
        ),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_bad_frames_are_problems(frame: str | bytes, code: str, part: str) -> None:
    problem = realtime.decode(frame)
    assert isinstance(problem, SessionProblem)
    assert problem.code == code
    assert part in problem.message


def test_a_long_unknown_type_is_not_repeated_whole() -> None:
    problem = realtime.decode(json.dumps({"type": "x" * 10_000}))
    assert isinstance(problem, SessionProblem)
    assert len(problem.message) < 100


@given(st.binary() | st.text())
def test_any_frame_is_an_event_or_a_documented_problem(frame: bytes | str) -> None:
    result = realtime.decode(frame)
    if isinstance(result, SessionProblem):
        assert result.code in ERRORS
        assert json.loads(realtime.encode_problem(result))["error"]["code"] == result.code


@given(
    st.dictionaries(
        st.sampled_from(["config", "audio", "text", "agent_id", "x"]),
        st.none() | st.integers() | st.text() | st.lists(st.none()) | st.just({"a": {}}),
    ),
    st.sampled_from([*realtime.CLIENT_EVENTS]),
)
def test_any_members_are_an_event_or_a_documented_problem(
    members: dict[str, object], name: str
) -> None:
    result = realtime.decode(json.dumps({"type": name, **members}))
    assert not isinstance(result, SessionProblem) or result.code in ERRORS


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("a string", "a string"),
        ("", ""),
        ({"ok": True, "id": 7}, '{"ok":true,"id":7}'),
        ([1, None], "[1,null]"),
        (None, "null"),
        (0.5, "0.5"),
    ],
)
def test_a_tools_result_is_text_or_compact_json(result: object, text: str) -> None:
    event = realtime.decode(
        json.dumps({"type": "tool.result", "tool_call_id": "c", "tool_result": result})
    )
    assert isinstance(event, realtime.ToolResult)
    assert event.text == text


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "data:image/svg+xml;base64,AAA="])
def test_an_image_is_a_data_uri(url: str) -> None:
    assert realtime.check_image(realtime.ImageInput(url)) is None


@pytest.mark.parametrize(
    "url",
    [
        7,
        None,
        {},
        "",
        "https://example.com/a.png",
        "data:image/png,AAAA",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64,AAA",
        "data:image/png;base64,AA\nA",
        "data:image/png;base64,-_-_",
        "data:text/html;base64,AAAA",
        "data:image/png;charset=x;base64,AAAA",
    ],
)
def test_anything_else_is_no_image(url: object) -> None:
    problem = realtime.check_image(realtime.ImageInput(url))
    assert isinstance(problem, SessionProblem)
    assert problem.code == "invalid_image"
    assert not any(word in problem.message for word in NOISE)


# Audio.


def b64(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def test_whole_samples_keep_their_spelling() -> None:
    assert realtime.SampleAligner(16_000).append("AAEC/w==") == Chunk(
        b"\x00\x01\x02\xff", 16_000, b"AAEC/w=="
    )


def test_an_odd_byte_is_carried_and_can_be_forgotten() -> None:
    aligner = realtime.SampleAligner(16_000)
    assert aligner.append(b64(b"a")) is None
    assert aligner.append(b64(b"bcd")) == Chunk(b"abcd", 16_000)
    assert aligner.append(b64(b"efg")) == Chunk(b"ef", 16_000)
    assert aligner.append("") is None
    aligner.clear()
    assert aligner.append(b64(b"hi")) == Chunk(b"hi", 16_000, b64(b"hi").encode())


@pytest.mark.parametrize(
    "audio", ["A", "AA", "AA=", "AAAA=", "AA==AA==", "AA\n==", "====", "-_==", "é", " AAA="]
)
def test_bad_base64_is_a_problem_and_loses_nothing(audio: str) -> None:
    aligner = realtime.SampleAligner(16_000)
    aligner.append(b64(b"a"))
    problem = aligner.append(audio)
    assert isinstance(problem, SessionProblem)
    assert problem.code == "invalid_audio"
    assert aligner.append(b64(b"b")) == Chunk(b"ab", 16_000)


@given(
    st.one_of(
        st.binary(max_size=30).map(b64),
        st.text("AZaz09+/=", max_size=12),
        st.text("AB=-_ \n\0é", max_size=9),
    )
)
def test_base64_is_read_as_strictly_as_by_the_standard_library(audio: str) -> None:
    try:
        pcm = binascii.a2b_base64(audio, strict_mode=True) if len(audio) % 4 == 0 else None
    except ValueError:
        pcm = None
    aligner = realtime.SampleAligner(16_000)
    if pcm is not None and len(pcm) % 2:
        aligner.append("AA==")
        pcm = b"\0" + pcm
    chunk = aligner.append(audio)
    if pcm:
        assert isinstance(chunk, Chunk)
        assert chunk.pcm == pcm
    else:
        assert isinstance(chunk, SessionProblem) == (pcm is None)


def audio_frame(audio: str) -> bytearray:
    return bytearray(b'{"type":"audio.append","audio":"' + audio.encode() + b'"}')


def test_audio_is_found_without_parsing_only_as_clients_write_it() -> None:
    aligner = realtime.SampleAligner(16_000)
    written = Chunk(b"\0\1\2\xff", 16_000, b"AAEC/w==")
    for _ in range(2):
        assert aligner.read(audio_frame("AAEC/w==")) == written
        assert aligner.read(bytearray(b'{"type": "audio.append", "audio": "AAEC/w=="}')) == written
    for other in (
        '{"audio":"AAEC/w==","type":"audio.append"}',
        '{"type":"text.input","text":"AAEC/w=="}',
        '{"type":"audio.append","audio":"AAEC/w=="} ',
        '{"type":"audio.append","audio":"AAEC/w=="]}',
        '{"type":"audio.append","audio":"AAEC/w=="',
        '{"type":"audio.append","audio":"',
        '{"type":"audio.append","audio":""}',
        '{"type":"audio.append","audio":"AAEC"}',  # half a sample: what follows is shifted
        '{"type":"audio.append","audio":"AAEC\\/w=="}',
        '{"type":"audio.append","audio":"AAECéw=="}',
        "",
    ):
        assert aligner.read(bytearray(other.encode())) is None, other
    assert aligner.read(bytearray(b"\xff\xfe")) is None


def test_audio_that_follows_half_a_sample_is_parsed() -> None:
    aligner = realtime.SampleAligner(16_000)
    assert aligner.append(b64(b"\1")) is None
    assert aligner.read(audio_frame(b64(b"\2\3"))) is None
    assert aligner.append(b64(b"\2\3")) == Chunk(b"\1\2", 16_000)


def test_a_piece_that_is_too_long_is_left_to_the_parser_which_says_so() -> None:
    assert realtime.SampleAligner(1_000).read(audio_frame(b64(bytes(20_002)))) is None


@given(st.text('AZaz09+/=\\"{},:un0041 \n\0é', max_size=40))
def test_audio_that_is_found_is_what_the_decoder_reads(inside: str) -> None:
    frame = audio_frame(inside)
    found = realtime.SampleAligner(16_000).read(frame)
    if found is not None:
        assert found.base64 == inside.encode()
        assert found == realtime.SampleAligner(16_000).append(inside)
        assert realtime.decode(frame.decode()) == realtime.AudioAppend(inside)


def test_ten_seconds_are_the_most_of_one_piece() -> None:
    aligner = realtime.SampleAligner(1_000)
    assert isinstance(aligner.append(b64(bytes(20_000))), Chunk)
    for size in (20_001, 20_002, 20_006, 40_000):
        problem = aligner.append(b64(bytes(size)))
        assert isinstance(problem, SessionProblem)
        assert "10000 ms" in problem.message


@given(st.lists(st.binary(max_size=9)))
def test_however_audio_is_cut_its_samples_are_the_same(pieces: list[bytes]) -> None:
    aligner = realtime.SampleAligner(16_000)
    heard = b""
    for piece in pieces:
        chunk = aligner.append(b64(piece))
        assert not isinstance(chunk, SessionProblem)
        if chunk is not None:
            assert chunk.pcm
            assert base64.b64decode(chunk.as_base64(), validate=True) == chunk.pcm
            heard += chunk.pcm
    whole = b"".join(pieces)
    assert heard == whole[: len(whole) // 2 * 2]


def test_speech_is_written_in_the_standard_alphabet() -> None:
    frame = realtime.encode_audio(Chunk(b"\xfb\xff", 24_000))
    assert frame == b'{"type":"audio.delta","audio":"+/8="}'
    for pcm in (b"", b"abc"):
        with pytest.raises(AssertionError):
            realtime.encode_audio(Chunk(pcm, 24_000))


# What the client is told.


def test_a_started_session_tells_its_rates() -> None:
    started = leg.SessionStarted(CALL, "order-7")
    equal = json.loads(realtime.encode_started(started, input_hz=16_000, output_hz=16_000))
    assert equal == {
        "type": "session.started",
        "session_id": "sess_02tcRIyrxLXTR81B3dqdOx",
        "input_sample_rate": 16_000,
        "output_sample_rate": 16_000,
        "audio_format": "pcm16",
        "call_id": "call_02tcRIyrxLXTR81B3dqdOx",
        "call_uuid": "order-7",
        "sample_rate": 16_000,
    }
    other = json.loads(realtime.encode_started(started, input_hz=16_000, output_hz=24_000))
    del equal["sample_rate"]
    assert other == equal | {"output_sample_rate": 24_000}
    with pytest.raises(AssertionError):
        realtime.encode(started)


@pytest.mark.parametrize(
    ("order", "event"),
    [
        (leg.CallerStarted(), {"type": "speech.started"}),
        (leg.CallerStopped(), {"type": "speech.stopped"}),
        (leg.TurnTranscribed('a "b"'), {"type": "transcript.committed", "transcript": 'a "b"'}),
        (
            leg.TurnTranscribed(""),
            {"type": "transcript.committed", "transcript": "", "recognized": False},
        ),
        (leg.AgentStarted(), {"type": "response.started"}),
        (leg.AgentSaid("hm"), {"type": "text.delta", "delta": "hm"}),
        (leg.AgentFinished(), {"type": "response.completed"}),
        (leg.AgentFinished(True), {"type": "response.completed", "interrupted": True}),
        (
            leg.VoiceError(VoiceFailure.OVERLOADED, "m"),
            {"type": "error", "error": {"code": "overloaded", "message": "m"}},
        ),
        (
            leg.RequestRefused(leg.Refusal.TOO_MANY_EARLY),
            {
                "type": "error",
                "error": {
                    "code": "rate_limited",
                    "message": "too many events before the session started",
                },
            },
        ),
        (
            leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL),
            {
                "type": "error",
                "error": {
                    "code": "response_cancel_not_active",
                    "message": "nothing to cancel: no response is running",
                },
            },
        ),
        (
            leg.HangUp(EndCause.MAX_DURATION),
            {
                "type": "session.terminating",
                "error": {
                    "code": "max_duration",
                    "message": "the session reached its time limit",
                },
            },
        ),
    ],
)
def test_orders_are_written(order: leg.LegOrder, event: object) -> None:
    assert encoded(order) == event


def test_a_session_that_does_not_start_is_told_so_in_its_last_frame() -> None:
    refusal = realtime.encode_refusal(realtime.problem("model_not_found", model="x/y"))
    error = {"code": "model_not_found", "message": 'there is no model "x/y"'}
    assert json.loads(refusal) == {"type": "session.terminating", "error": error}


@pytest.mark.parametrize("code", [code for code in ERRORS if not ends_session(code, starting=True)])
def test_no_session_is_refused_for_what_it_would_survive(code: str) -> None:
    with pytest.raises(AssertionError):
        realtime.encode_refusal(SessionProblem(code))


# The table of errors.


@pytest.mark.parametrize("row", ERRORS.values(), ids=lambda row: row.code)
def test_harmless_errors_are_hidden_by_clients_and_serious_ones_shown(row: Any) -> None:
    hidden = any(noise in row.message.lower() for noise in NOISE)
    assert hidden == row.harmless
    assert not (row.harmless and row.ends is Ends.ALWAYS)


@pytest.mark.parametrize("row", ERRORS.values(), ids=lambda row: row.code)
def test_close_codes_are_those_of_the_specification(row: Any) -> None:
    assert row.close_code in (1000, 1001, 1003, 1008, 1009, 1011)
    assert len(row.code) <= 123
    facts = [name for _, name, _, _ in string.Formatter().parse(row.message) if name]
    assert realtime.problem(row.code, **dict.fromkeys(facts, "x")).code == row.code


@pytest.mark.parametrize(
    ("ends", "at_start", "later", "third_time"),
    [
        (Ends.NEVER, False, False, False),
        (Ends.AT_START, True, False, False),
        (Ends.THIRD_TIME, False, False, True),
        (Ends.ALWAYS, True, True, True),
    ],
)
def test_when_an_error_ends_the_session(
    ends: Ends, at_start: bool, later: bool, third_time: bool
) -> None:
    codes = [row.code for row in ERRORS.values() if row.ends is ends]
    assert codes
    for code in codes:
        assert ends_session(code, starting=True) == at_start
        assert ends_session(code) == ends_session(code, times=2) == later
        assert ends_session(code, times=3) == third_time


@pytest.mark.parametrize(
    ("code", "close_code"),
    [
        ("idle_timeout", 1000),
        ("server_shutdown", 1001),
        ("model_not_found", 1008),
        ("upstream_closed", 1011),
    ],
)
def test_the_close_code_tells_whose_end_it_is(code: str, close_code: int) -> None:
    assert ERRORS[code].close_code == close_code


@pytest.mark.parametrize("failure", VoiceFailure)
def test_what_is_wrong_with_a_voice_is_told_by_its_word(failure: VoiceFailure) -> None:
    told = f'{{"type":"error","error":{{"code":"{failure.value}","message":"why"}}}}'
    assert realtime.encode(leg.VoiceError(failure, "why")) == told.encode()
    assert failure in ERRORS, "clients can look it up"


@pytest.mark.parametrize(
    ("refusal", "code", "message"),
    [
        (
            leg.Refusal.NOTHING_TO_CANCEL,
            "response_cancel_not_active",
            "nothing to cancel: no response is running",
        ),
        (
            leg.Refusal.RESPONSE_ACTIVE,
            "conversation_already_has_active_response",
            "the conversation already has an active response",
        ),
        (
            leg.Refusal.TOO_MANY_EARLY,
            "rate_limited",
            "too many events before the session started",
        ),
    ],
)
def test_what_a_call_refuses_is_an_error_of_the_table(
    refusal: leg.Refusal, code: str, message: str
) -> None:
    told = {"type": "error", "error": {"code": code, "message": message}}
    assert encoded(leg.RequestRefused(refusal)) == told
    assert not ends_session(code)
    assert ERRORS[code].harmless == (refusal is not leg.Refusal.TOO_MANY_EARLY)


def test_every_refusal_and_every_failure_of_a_voice_is_spelt() -> None:
    assert set(REFUSALS) == set(leg.Refusal)
    assert set(VOICE_TROUBLES) == set(VoiceFailure)
    codes = [problem.code for problem in REFUSALS.values()] + list(VOICE_TROUBLES.values())
    assert set(codes) <= set(ERRORS)


IMAGE = '{"type":"image.input","image_url":"data:image/jpeg;base64,%s"}'


def test_only_an_image_may_be_large() -> None:
    large = "A" * limits.SESSION_FRAME_BYTES.most
    assert realtime.may_be_large(IMAGE % large)
    assert isinstance(realtime.decode(IMAGE % large), realtime.ImageInput)
    for frame in (
        f'{{"type":"audio.append","audio":"{large}"}}',
        f'{{"type":"image.inputs","image_url":"{large}"}}',
        f'{{"image_url":"{large}"}}',
        '{"type":"image.input","image_url":[%s1]}' % ("[]," * 500_000),
        IMAGE % large + "x",
        '"image.input"' + " " * len(large),
        "image.input" * len(large),
    ):
        assert not realtime.may_be_large(frame)
