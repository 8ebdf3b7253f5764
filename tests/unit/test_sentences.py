"""Sentences out of a text that is still being written."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.voices.sentences import PIECE_CHARACTERS, SentenceSplitter

TEXTS = st.text(
    alphabet=st.sampled_from("aB3 .!?…\n\"')。é") | st.characters(exclude_categories=["Cs"]),
    max_size=1_500,
)


def split(*parts: str) -> list[str]:
    splitter = SentenceSplitter()
    pieces = [piece for part in parts for piece in splitter.feed(part)]
    rest = splitter.finish()
    return [*pieces, rest] if rest else pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Hello", ["Hello"]),
        ("One. Two! Three? Four… Five", ["One. ", "Two! ", "Three? ", "Four… ", "Five"]),
        ("A list:\n- one\n- two", ["A list:\n", "- one\n", "- two"]),
        ("\n\n  Hello there.\n\nYou.", ["\n\n  Hello there.\n", "\nYou."]),
        ('She said "Yes." Then left.', ['She said "Yes." ', "Then left."]),
        ("It costs 3.50 euros. Fine.", ["It costs 3.50 euros. ", "Fine."]),
        ("Dr. Who came on 3. June. Then", ["Dr. Who came on 3. June. ", "Then"]),
        ("I met J. R. R. Tolkien. Once", ["I met J. R. R. Tolkien. ", "Once"]),
        ("Fruit, e.g. apples. And", ["Fruit, e.g. apples. ", "And"]),
        ("It was in 1999. Then", ["It was in 1999. ", "Then"]),
        ("No. Never.", ["No. ", "Never."]),
        ("你好。再见！好", ["你好。", "再见！", "好"]),
        ("Wait... what?", ["Wait... ", "what?"]),
        ("See www.example.com for more", ["See www.example.com for more"]),
    ],
)
def test_where_sentences_end(text: str, pieces: list[str]) -> None:
    assert split(text) == pieces
    assert split(*text) == pieces, "however it arrives"


def test_a_sentence_is_complete_with_the_space_after_it() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("Yes, of course.") == []
    assert splitter.feed(" ") == ["Yes, of course. "]


def test_a_sentence_without_an_end_is_cut_between_words() -> None:
    first, *others = split("word " * 300)
    assert len(first) == PIECE_CHARACTERS
    assert all(piece.startswith("word") and piece.endswith(" ") for piece in [first, *others])
    assert [len(piece) for piece in split("x" * 1_000)] == [400, 400, 200]


@given(TEXTS, st.lists(st.integers(0, 1_500), max_size=20))
def test_the_pieces_are_the_text_however_it_arrives(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    parts = [text[a:b] for a, b in pairwise(places)]
    pieces = split(*parts)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= PIECE_CHARACTERS for piece in pieces)
    assert pieces == split(text)


def test_work_is_bounded_by_the_text() -> None:
    """A text that looks as if it ended everywhere, and never does."""
    assert "".join(split(*["e.g. " * 4_000])) == "e.g. " * 4_000
    assert "".join(split(*['"' * 20_000])) == '"' * 20_000
