"""The scripted dialogue: matching, replies, sentences."""

from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits
from ringline.domain.agent import LOCAL_MODEL, LocalSettings
from ringline.domain.attendant import GREETING, SETTINGS, attendant
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.local_dialogue import FALLBACK, local_flaws, read_local, words_of
from ringline.domain.voice import PastTurn
from ringline.voices.dialogue import (
    DEFAULT_FALLBACK,
    SENTENCE_CHARACTERS,
    reply_to,
    script_of,
    sentences,
    unanswered,
)
from ringline.voices.recognition import grammar_of

SCRIPT = script_of(SETTINGS)
HOURS = SETTINGS.replies["opening_hours"]
BOOKING = SETTINGS.replies["book_table"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What are your  opening hours?", "what are your opening hours"),
        ("Thank you - goodbye!", "thank you goodbye"),
        ("I don\N{RIGHT SINGLE QUOTATION MARK}t know.", "i don't know"),
        ("  ...  ", ""),
    ],
)
def test_words(text: str, words: str):
    assert words_of(text) == words


def test_a_phrase_leads_to_its_reply_however_it_is_typed():
    assert reply_to(SCRIPT, ["WHAT are your opening hours?!"]).text == HOURS


def test_several_turns_are_answered_together_each_line_once():
    texts = ["what are your opening hours", "i would like to book a table"] * 2
    assert reply_to(SCRIPT, texts).text == f"{HOURS}\n{BOOKING}"


@pytest.mark.parametrize("texts", [[], [""], ["my hovercraft is full of eels", ""]])
def test_what_is_not_understood_gets_the_fallback(texts: list[str]):
    reply = reply_to(SCRIPT, texts)
    assert (reply.text, reply.hang_up) == (SETTINGS.replies[FALLBACK], False)


def test_the_fallback_is_not_said_if_anything_was_understood():
    assert reply_to(SCRIPT, ["", "what are your opening hours"]).text == HOURS


def test_an_agent_without_settings_says_that_it_did_not_get_it():
    assert reply_to(script_of(LocalSettings()), ["hello there"]).text == DEFAULT_FALLBACK


CALLER, AGENT = TurnRole.CALLER, TurnRole.AGENT


@pytest.mark.parametrize(
    ("history", "lines"),
    [
        ([], []),
        ([(AGENT, "Hello.")], []),
        ([(CALLER, "One."), (AGENT, "Two."), (CALLER, "Three.")], ["Three."]),
        ([(AGENT, "One."), (CALLER, "Two.\nThree."), (CALLER, "")], ["Two.", "Three.", ""]),
        ([(CALLER, "One."), (AGENT, "Tw")], []),
    ],
)
def test_lines_that_no_turn_of_the_agent_follows(
    history: list[tuple[TurnRole, str]], lines: list[str]
):
    assert list(unanswered([PastTurn(role, text) for role, text in history])) == lines


def test_goodbye_hangs_up():
    assert reply_to(SCRIPT, ["Thank you, goodbye."]).hang_up


@given(st.text() | st.text(alphabet="ab .!?\n\t", max_size=2_000))
def test_sentences_concatenate_to_the_text(text: str):
    pieces = list(sentences(text))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= SENTENCE_CHARACTERS for piece in pieces)


@given(st.text(alphabet="ab ", min_size=SENTENCE_CHARACTERS, max_size=3_000))
def test_a_text_without_a_full_stop_is_cut_between_words(text: str):
    for piece, following in pairwise(sentences(text)):
        cut = piece[-1].isspace() or following[0].isspace()
        assert cut or (len(piece) == SENTENCE_CHARACTERS and " " not in piece[1:])


def test_sentences_end_at_their_marks():
    assert list(sentences("Hello. How are you?!\nFine")) == ["Hello. ", "How are you?!\n", "Fine"]
    longest = "x" * (SENTENCE_CHARACTERS - 1) + "."
    assert list(sentences(f"{longest} Yes.")) == [longest, " Yes."]


def test_a_long_greeting_without_a_full_stop_is_spoken_whole():
    greeting = " ".join(f"word{number}" for number in range(80))
    assert SENTENCE_CHARACTERS < len(greeting) < 2 * SENTENCE_CHARACTERS
    first, second = sentences(greeting)
    assert first.endswith(" ")
    assert first + second == greeting


@pytest.mark.timeout(20)  # what looks at a mark more than a few times does not come back
@pytest.mark.parametrize("text", ["!" * 65_536 + "x", " " * 65_536, "!\n" * 32_768, "x" * 65_536])
def test_sentences_are_found_in_one_pass(text: str):
    assert "".join(sentences(text)) == text


def test_a_sentence_is_found_without_a_look_at_what_follows():
    assert next(sentences("Hello. " + "!" * 1_000_000)) == "Hello. "


def test_an_endless_line_is_not_understood():
    assert reply_to(SCRIPT, ["what are your opening hours"]).text == HOURS
    padded = "what are your opening hours" + "?" * limits.LINE_CHARACTERS.most
    assert reply_to(SCRIPT, [padded]).text == SETTINGS.replies[FALLBACK]


def test_the_attendants_dialogue_is_complete():
    agent = attendant(UUID(int=1))
    assert (agent.display_name, agent.model, agent.greeting) == (
        "Attendant",
        LOCAL_MODEL,
        GREETING,
    )
    assert agent.local == SETTINGS
    assert list(local_flaws(msgspec.to_builtins(SETTINGS), strict=True)) == []
    assert {phrase.intent for phrase in SETTINGS.phrases} | {FALLBACK} == set(SETTINGS.replies)


def test_no_phrase_is_shorter_than_three_words():
    # One-word and two-word phrases are found in anything.
    assert all(len(phrase.split()) >= 3 for phrase in grammar_of(SCRIPT))
    assert len(grammar_of(SCRIPT)) == len(SETTINGS.phrases)


def test_a_complete_dialogue_is_read():
    given: dict[str, Any] = {
        "phrases": [{"text": "Two, please!", "intent": "2"}, {"text": "no", "intent": "fallback"}],
        "replies": {"2": "For two."},
    }
    assert list(local_flaws(given, strict=True)) == []
    assert msgspec.json.decode(msgspec.json.encode(read_local(given))) == given
    for empty in ({}, {"phrases": None}, {"phrases": [], "replies": None}):
        assert list(local_flaws(empty, strict=True)) == []
        assert read_local(empty) == LocalSettings()
    assert list(local_flaws(given | {"of_tomorrow": 1})) == []
    assert read_local(given | {"of_tomorrow": 1}) == read_local(given)


WORD = "well " * limits.PHRASE_WORDS.most
FLAWS: list[tuple[object, str, str]] = [
    ("hello", "", "must be an object"),
    ({"phrase": []}, "phrase", "is not known"),
    ({"phrases": {}}, "phrases", "must be a list"),
    ({"phrases": [{"text": "a", "intent": "fallback"}] * 201}, "phrases", "at most 200 members"),
    ({"phrases": ["hello"]}, "phrases.0", "must be an object"),
    ({"phrases": [{"intent": "fallback"}]}, "phrases.0.text", "is required"),
    ({"phrases": [{"text": 7, "intent": "fallback"}]}, "phrases.0.text", "must be a text"),
    ({"phrases": [{"text": " ", "intent": "fallback"}]}, "phrases.0.text", "not be empty"),
    ({"phrases": [{"text": "\u3053?", "intent": "fallback"}]}, "phrases.0.text", "has no words"),
    ({"phrases": [{"text": WORD, "intent": "fallback"}]}, "", ""),
    ({"phrases": [{"text": WORD + "well", "intent": "fallback"}]}, "phrases.0.text", "20 words"),
    ({"phrases": [{"text": "x" * 1_001, "intent": "fallback"}]}, "phrases.0.text", "1000 char"),
    ({"phrases": [{"text": "Hello"}]}, "phrases.0.intent", "is required"),
    ({"phrases": [{"text": "Hello", "intent": "hours"}]}, "phrases.0.intent", "has no reply"),
    (
        {"phrases": [{"text": text, "intent": "fallback"} for text in ("So long.", "so long")]},
        "phrases.1.text",
        "has the words of another phrase",
    ),
    (
        {"phrases": [{"text": "Hello", "intent": "fallback", "means": ""}]},
        "phrases.0.means",
        "is not known",
    ),
    ({"replies": []}, "replies", "must be an object"),
    ({"replies": {str(n): "x" for n in range(201)}}, "replies", "at most 200 members"),
    ({"replies": {"hours": ["x"]}}, "replies.hours", "must be a text"),
    ({"replies": {"hours": ""}}, "replies.hours", "must not be empty"),
    ({"replies": {"": "x"}}, "replies.", "must not be empty"),
    ({"replies": {"x" * 256: "x"}}, "replies." + "x" * 256, "255 characters"),
    ({"replies": {"hours": "x" * 16_385}}, "replies.hours", "16384 characters"),
]


@pytest.mark.parametrize(("given", "path", "what"), FLAWS)
def test_what_is_wrong_with_a_dialogue_is_told_with_its_place(given: object, path: str, what: str):
    flaws = list(local_flaws(given, strict=True))
    assert [".".join(map(str, flaw.path)) for flaw in flaws] == ([path] if what else [])
    assert all(what in flaw.problem for flaw in flaws)


def test_every_flaw_of_a_dialogue_is_found():
    given = {"phrases": [{"text": "", "intent": "a"}, {"text": "b", "intent": "b"}], "replies": 1}
    assert [flaw.path for flaw in local_flaws(given)] == [("replies",), ("phrases", 0, "text")]
