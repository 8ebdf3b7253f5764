"""The scripted dialogue: matching, replies, sentences."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.agent import LOCAL_MODEL, LocalSettings
from ringline.domain.attendant import GREETING, SETTINGS, attendant
from ringline.voices.dialogue import (
    DEFAULT_FALLBACK,
    FALLBACK,
    SENTENCE_CHARACTERS,
    reply_to,
    sentences,
    words_of,
)
from ringline.voices.recognition import grammar_of

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
    assert reply_to(SETTINGS, ["WHAT are your opening hours?!"]).text == HOURS


def test_several_turns_are_answered_together_each_line_once():
    texts = ["what are your opening hours", "i would like to book a table"] * 2
    assert reply_to(SETTINGS, texts).text == f"{HOURS}\n{BOOKING}"


@pytest.mark.parametrize("texts", [[], [""], ["my hovercraft is full of eels", ""]])
def test_what_is_not_understood_gets_the_fallback(texts: list[str]):
    reply = reply_to(SETTINGS, texts)
    assert (reply.text, reply.hang_up) == (SETTINGS.replies[FALLBACK], False)


def test_what_is_not_understood_is_not_mentioned_beside_what_is():
    assert reply_to(SETTINGS, ["", "what are your opening hours"]).text == HOURS


def test_an_agent_without_settings_says_that_it_did_not_get_it():
    assert reply_to(LocalSettings(), ["hello there"]).text == DEFAULT_FALLBACK


def test_goodbye_hangs_up():
    assert reply_to(SETTINGS, ["Thank you, goodbye."]).hang_up


@given(st.text() | st.text(alphabet="ab .!?\n", max_size=2_000))
def test_sentences_concatenate_to_the_text(text: str):
    pieces = sentences(text)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= SENTENCE_CHARACTERS for piece in pieces)


def test_sentences_end_where_sentences_end():
    assert sentences("Hello. How are you?\nFine") == ["Hello. ", "How are you?\n", "Fine"]


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
    assert all(len(phrase.split()) >= 3 for phrase in grammar_of(SETTINGS))
    assert len(grammar_of(SETTINGS)) == len(SETTINGS.phrases)
