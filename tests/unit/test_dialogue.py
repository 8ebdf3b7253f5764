"""The scripted dialogue: matching, replies, sentences."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits
from ringline.domain.agent import LOCAL_MODEL, LocalSettings, Phrase
from ringline.domain.attendant import GREETING, SETTINGS, attendant
from ringline.voices.dialogue import (
    DEFAULT_FALLBACK,
    FALLBACK,
    SENTENCE_CHARACTERS,
    Script,
    reply_to,
    script_of,
    sentences,
    words_of,
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


def test_what_is_not_understood_is_not_mentioned_beside_what_is():
    assert reply_to(SCRIPT, ["", "what are your opening hours"]).text == HOURS


def test_an_agent_without_settings_says_that_it_did_not_get_it():
    assert reply_to(script_of(LocalSettings()), ["hello there"]).text == DEFAULT_FALLBACK


def test_goodbye_hangs_up():
    assert reply_to(SCRIPT, ["Thank you, goodbye."]).hang_up


@given(st.text() | st.text(alphabet="ab .!?\n\t", max_size=2_000))
def test_sentences_concatenate_to_the_text(text: str):
    pieces = list(sentences(text))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= SENTENCE_CHARACTERS for piece in pieces)


@given(st.text(alphabet="ab ", min_size=SENTENCE_CHARACTERS, max_size=3_000))
def test_what_has_no_end_is_cut_between_words(text: str):
    for piece, following in pairwise(sentences(text)):
        cut = piece[-1].isspace() or following[0].isspace()
        assert cut or (len(piece) == SENTENCE_CHARACTERS and " " not in piece[1:])


def test_sentences_end_where_sentences_end():
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


def test_more_phrases_than_are_known():
    def known(*texts: str) -> Script:
        phrases = tuple(Phrase(text=text, intent="i") for text in texts)
        return script_of(LocalSettings(phrases=phrases, replies={"i": "yes"}))

    many = known(*(f"phrase {number}" for number in range(limits.PHRASES.most + 1)))
    assert len(many.intents) == limits.PHRASES.most
    assert reply_to(many, ["Phrase 7!"]).text == "yes"
    longest = "x" * (limits.PHRASE_CHARACTERS.most - 5)
    assert list(known("hello", longest).intents) == ["hello", longest]
    assert list(known("hello", longest + "x", "never").intents) == ["hello"]


def test_the_attendant_is_whole():
    agent = attendant(UUID(int=1))
    assert (agent.display_name, agent.model, agent.greeting) == (
        "Attendant",
        LOCAL_MODEL,
        GREETING,
    )
    assert agent.local == SETTINGS
    assert {phrase.intent for phrase in SETTINGS.phrases} | {FALLBACK} == set(SETTINGS.replies)


def test_no_phrase_is_shorter_than_three_words():
    # One-word and two-word phrases are found in anything.
    assert all(len(phrase.split()) >= 3 for phrase in grammar_of(SCRIPT))
    assert len(grammar_of(SCRIPT)) == len(SETTINGS.phrases)
