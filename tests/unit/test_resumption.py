"""What a call does when its voice continues on another connection."""

from msgspec.structs import replace

from ringline.domain import leg, voice
from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.fallback_config import config_for
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.recent_audio import RecentAudio
from ringline.domain.voice import EndTurn, ResumeReason, VoiceCapabilities
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, Story

MODEL = "xai/two"
AGAIN = voice.Resumed(ResumeReason.RECONNECT, MODEL, responds_by_itself=True)
OWING = voice.Resumed(ResumeReason.RECONNECT, MODEL, True, owes_answer=True)
OTHER = voice.Resumed(ResumeReason.FALLBACK, MODEL)
STOPPED = voice.SpeechStopped("item")


def requests(story: Story) -> int:
    return len(story.all(voice.Respond))


def test_the_client_is_told() -> None:
    story = Story()
    story.feed(OTHER)
    assert story.news[-1] == leg.SessionResumed(ResumeReason.FALLBACK, MODEL)
    assert requests(story) == 0


def test_an_answer_that_was_owed_is_requested_once() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(STOPPED)
    assert requests(story) == 0, "the voice answers by itself"
    story.feed(OWING)
    assert requests(story) == 1
    story.feed(OWING)
    assert requests(story) == 1


def test_nothing_is_requested_that_the_caller_does_not_wait_for() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(OWING)  # it took some noise for speech
    story.feed(STOPPED, AGAIN)
    assert requests(story) == 0, "the next connection hears the turn again"


def test_an_answer_that_nobody_wants_or_that_has_begun_is_not_requested() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(STOPPED, TakenOver("Ann"), OWING)
    assert requests(story) == 0
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(STOPPED)
    story.feed(voice.ResponseStarted("own"), OWING, HandedBack())
    assert requests(story) == 0


def test_a_voice_that_waits_to_be_asked_is_asked_from_then_on() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(OTHER)
    story.feed(STOPPED)
    assert requests(story) == 1
    story = Story(capabilities=CAPABILITIES)
    story.feed(AGAIN)
    story.feed(STOPPED)
    assert requests(story) == 0


# -- the config of another model ----------------------------------------------------------

LITTLE = VoiceCapabilities(input_hz=16_000, output_hz=16_000, voices=("X",), default_voice="X")
CONFIG = SessionConfig(
    model="openai/one",
    instructions="Be brief.",
    voice="marin",
    modalities=(Modality.TEXT,),
    temperature=0.7,
    reasoning_effort="low",
    input_transcription=True,
    input_transcription_model="whisper",
    turn_detection=TurnDetection(type=TurnDetectionType.SEMANTIC_VAD, silence_duration_ms=900),
)


def test_a_model_gets_what_it_can_have() -> None:
    config = config_for(CONFIG, MODEL, can=LITTLE)
    assert config == SessionConfig(
        model=MODEL,
        instructions="Be brief.",
        voice="X",
        input_transcription=True,
        turn_detection=TurnDetection(silence_duration_ms=900),
    )
    assert config_for(CONFIG, CONFIG.model, can=LITTLE) is CONFIG


def test_what_both_can_have_stays_and_numbers_are_kept_in_range() -> None:
    able = VoiceCapabilities(
        input_hz=16_000,
        output_hz=16_000,
        voices=("Other", "Marin"),
        default_voice="Other",
        modalities=frozenset(Modality),
        turn_detection=frozenset(TurnDetectionType),
        reasoning_efforts=("low",),
        tools=True,
        temperature=(0.0, 0.5),
    )
    kept = replace(
        CONFIG, model=MODEL, voice="Marin", temperature=0.5, input_transcription_model=""
    )
    assert config_for(CONFIG, MODEL, can=able) == kept


# -- the caller's latest audio ------------------------------------------------------------


def piece(ms: int) -> Chunk:
    return Chunk(bytes(ms * 2), 1_000)


def test_the_latest_audio_is_kept_up_to_its_bound() -> None:
    recent = RecentAudio(most_ms=300)
    for _ in range(5):
        recent.hear(piece(100))
        recent.keep_from(0)
    assert recent.end_ms == 500
    assert recent.start_ms == 300
    assert [item.duration_ms for item in recent.since(0) if isinstance(item, Chunk)] == [100] * 3
    assert len(list(recent.since(400))) == 1


def test_kept_audio_does_not_hold_its_base64() -> None:
    recent = RecentAudio(most_ms=300)
    recent.hear(Chunk(b"\0\0", 1_000, b"AAA="))
    assert list(recent.since(0)) == [Chunk(b"\0\0", 1_000)]


def test_ends_of_turns_stand_between_the_audio() -> None:
    recent = RecentAudio(most_ms=1_000)
    recent.end_turn()  # of nothing
    recent.hear(piece(100))
    recent.end_turn()
    recent.hear(piece(100))
    assert [type(item) for item in recent.since(0)] == [Chunk, EndTurn, Chunk]
    recent.hear(piece(100))
    recent.keep_from(150)
    assert len(list(recent.since(0))) == 2
    recent.clear()
    assert list(recent.since(0)) == []
    assert recent.start_ms == recent.end_ms == 300
