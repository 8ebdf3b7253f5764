"""What exists is documented: the reference pages contain the code's tables."""

from pathlib import Path

import pytest

from tests.reference import DOCS, SECTIONS, TABLES, names_in, rewritten


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_tables_are_current(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == rewritten(text), "run: python -m tests.reference"


def test_every_table_stands_in_a_page() -> None:
    shown = set().union(*(names_in(page.read_text("utf-8")) for page in DOCS.glob("*.md")))
    assert shown == {*TABLES, *SECTIONS}
