"""What Gemini Live sends, read as reports; each message is legal by its vendor's types."""

import json
from base64 import b64encode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.audio import Chunk
from ringline.domain.voice import GoingAway, Usage
from ringline.wire.gemini_reports import (
    CallsCancelled,
    FunctionCalled,
    Generated,
    Heard,
    Interrupted,
    Metered,
    Resumable,
    Said,
    SetUp,
    Spoke,
    TurnOver,
    Unreadable,
    read_message,
)
from tests.gemini_types import check_server

PCM = bytes([251, 255, 62, 0]) * 120  # its base64 has both of the letters that alphabets differ in


def read(**message: Any) -> list[object]:
    """Read a message, once it is found legal."""
    return list(read_message(json.dumps(check_server(message))))


def content(**members: Any) -> list[object]:
    return read(serverContent=members)


def audio(data: str, mime_type: str = "audio/pcm;rate=24000") -> dict[str, Any]:
    return {"role": "model", "parts": [{"inlineData": {"mimeType": mime_type, "data": data}}]}


def test_it_is_set_up() -> None:
    assert read(setupComplete={"sessionId": "s1"}) == [SetUp()]
    assert read(setupComplete={}) == [SetUp()]


def test_speech_is_read_in_either_alphabet() -> None:
    standard = b64encode(PCM).decode()
    assert content(modelTurn=audio(standard)) == [Spoke(Chunk(PCM, 24_000, standard.encode()))]
    url_safe = urlsafe_b64encode(PCM).decode()
    assert url_safe != standard
    assert content(modelTurn=audio(url_safe)) == [Spoke(Chunk(PCM, 24_000, standard.encode()))]


def test_the_clients_base64_is_padded() -> None:
    standard = b64encode(PCM[:2]).decode()
    message = {"serverContent": {"modelTurn": audio(standard.rstrip("="))}}
    assert read_message(json.dumps(message)) == (Spoke(Chunk(PCM[:2], 24_000, standard.encode())),)


def test_text_of_the_model_is_what_it_speaks() -> None:
    thought = {"parts": [{"text": "**Considering**", "thought": True}, {"text": "a draft"}]}
    assert content(modelTurn=thought) == []
    assert content(outputTranscription={"text": "Good "}) == [Said("Good ")]


def test_what_the_caller_said_grows_and_mostly_has_no_end() -> None:
    assert content(inputTranscription={"text": "what is"}) == [Heard("what is")]
    assert content(inputTranscription={"finished": True}) == [Heard("", finished=True)]
    assert content(inputTranscription={}) == []
    assert content(interimInputTranscription={"text": "what if"}) == []


def test_one_message_may_hold_all_of_a_turn() -> None:
    data = b64encode(PCM).decode()
    found = read(
        serverContent={
            "turnComplete": True,
            "generationComplete": True,
            "modelTurn": audio(data),
            "outputTranscription": {"text": "Hi"},
            "inputTranscription": {"text": "Hello"},
        },
        usageMetadata={"promptTokenCount": 1, "responseTokenCount": 2},
        toolCall={"functionCalls": [{"id": "c1", "name": "clock", "args": {"tz": "UTC"}}]},
        sessionResumptionUpdate={"newHandle": "h", "resumable": True},
    )
    assert found == [
        Heard("Hello"),
        Said("Hi"),
        Spoke(Chunk(PCM, 24_000, data.encode())),
        FunctionCalled("c1", "clock", {"tz": "UTC"}),
        Generated(),
        Metered(Usage(text_in_tokens=1, text_out_tokens=2)),
        TurnOver(),
        Resumable("h"),
    ]


def test_the_end_of_a_turn() -> None:
    assert content(interrupted=True) == [Interrupted()]
    assert content(turnComplete=True) == [TurnOver()]
    assert content(turnComplete=True, turnCompleteReason="BLOCKLIST") == [TurnOver("BLOCKLIST")]
    assert content(interrupted=False, turnComplete=False, generationComplete=False) == []


def test_a_turn_in_the_background_tells_whether_it_goes_on() -> None:
    assert content(turnComplete=True, interactionStatus="IN_PROGRESS") == [TurnOver(idle=False)]
    assert content(turnComplete=True, interactionStatus="IDLE") == [TurnOver(idle=True)]
    assert content(interactionStatus="IDLE") == [TurnOver(idle=True)]
    assert content(interactionStatus="IN_PROGRESS") == []
    unspecified = "INTERACTION_STATUS_UNSPECIFIED"
    assert content(turnComplete=True, interactionStatus=unspecified) == [TurnOver()]


def test_several_calls_come_in_one_message() -> None:
    calls = [{"id": "c1", "name": "clock"}, {"id": "c2", "name": "clock", "args": {"a": [1]}}]
    assert read(toolCall={"functionCalls": calls}) == [
        FunctionCalled("c1", "clock", {}),
        FunctionCalled("c2", "clock", {"a": [1]}),
    ]
    assert read(toolCallCancellation={"ids": ["c1", "c2"]}) == [CallsCancelled(("c1", "c2"))]


def test_it_says_when_it_goes_away() -> None:
    assert read(goAway={"timeLeft": "50s"}) == [GoingAway(50_000)]
    assert read(goAway={"timeLeft": "9.5s"}) == [GoingAway(9_500)]
    assert read(goAway={"timeLeft": "0.000250s"}) == [GoingAway(0)]


def test_a_handle_holds_while_it_is_resumable() -> None:
    update = {"newHandle": "h1", "resumable": True, "lastConsumedClientMessageIndex": 3}
    assert read(sessionResumptionUpdate=update) == [Resumable("h1")]
    assert read(sessionResumptionUpdate={"resumable": False}) == [Resumable("")]


def counts(modality: str, number: int) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": number}]


def test_usage_counts_nothing_twice() -> None:
    metered = read(
        usageMetadata={
            "promptTokenCount": 1_000,
            "promptTokensDetails": [
                *counts("AUDIO", 600),
                *counts("TEXT", 300),
                *counts("IMAGE", 100),
            ],
            "cachedContentTokenCount": 250,
            "cacheTokensDetails": [*counts("AUDIO", 200), *counts("TEXT", 50)],
            "responseTokenCount": 90,
            "responseTokensDetails": [*counts("AUDIO", 80), *counts("TEXT", 10)],
            "thoughtsTokenCount": 7,
            "toolUsePromptTokenCount": 5,
            "totalTokenCount": 1_095,
        }
    )
    used = Usage(
        audio_in_tokens=400,
        audio_cached_tokens=200,
        audio_out_tokens=80,
        text_in_tokens=355,
        text_cached_tokens=50,
        text_out_tokens=17,
    )
    assert metered == [Metered(used)]


@given(
    *[st.integers(0, 10**6)] * 7,
)
def test_usage_is_never_negative(
    prompt: int,
    audio: int,
    cached: int,
    cached_audio: int,
    response: int,
    spoken: int,
    thoughts: int,
) -> None:
    """Counts that contradict each other make no nonsense of a bill."""
    message = {
        "usageMetadata": {
            "promptTokenCount": prompt,
            "promptTokensDetails": counts("AUDIO", audio),
            "cachedContentTokenCount": cached,
            "cacheTokensDetails": counts("AUDIO", cached_audio),
            "responseTokenCount": response,
            "responseTokensDetails": counts("AUDIO", spoken),
            "thoughtsTokenCount": thoughts,
        }
    }
    (report,) = read_message(json.dumps(message))
    assert isinstance(report, Metered)
    used = report.usage
    assert all(count >= 0 for count in astuple(used))
    assert used.audio_out_tokens + used.text_out_tokens == response + thoughts
    assert used.audio_in_tokens + used.audio_cached_tokens == audio
    assert used.text_in_tokens + used.text_cached_tokens == max(0, prompt - audio)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("", "json"),
        ("{", "json"),
        (b"\xff\xfe", "json"),
        ("[" * 5_000, "shape"),
        ('{"toolCall":{"functionCalls":[{"id":"c","name":"n","args":' + '{"a":' * 5_000, "json"),
        ("[]", "shape"),
        ('{"serverContent":3}', "shape"),
        ('{"serverContent":{"turnComplete":"yes"}}', "shape"),
        ('{"toolCall":{"functionCalls":[{"name":"clock"}]}}', "shape"),  # no id to answer by
        ('{"goAway":{"timeLeft":"soon"}}', "duration"),
        (json.dumps({"serverContent": {"modelTurn": audio("####")}}), "base64"),
        (json.dumps({"serverContent": {"modelTurn": audio("AAA=\u00e9")}}), "base64"),
        (json.dumps({"serverContent": {"modelTurn": audio("AAAA")}}), "half_a_sample"),
        (
            json.dumps({"serverContent": {"modelTurn": audio("AAA=", "audio/pcm;rate=16000")}}),
            "audio_format",
        ),
        (
            json.dumps({"serverContent": {"modelTurn": audio("AAA=", "audio/mpeg")}}),
            "audio_format",
        ),
    ],
)
def test_what_is_unreadable_has_a_kind(message: str | bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        read_message(message)
    assert unreadable.value.kind == kind


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "serverContent",
                        "modelTurn",
                        "parts",
                        "inlineData",
                        "data",
                        "mimeType",
                        "toolCall",
                        "functionCalls",
                        "id",
                        "name",
                        "args",
                        "usageMetadata",
                        "goAway",
                        "timeLeft",
                        "turnComplete",
                        "inputTranscription",
                        "text",
                        "promptTokensDetails",
                        "tokenCount",
                    ]
                ),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    with suppress(Unreadable):
        read_message(json.dumps(value))


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        read_message(data)


def test_unknown_members_are_ignored() -> None:
    assert read_message('{"newThing":{"a":1},"serverContent":{"newer":2}}') == ()
