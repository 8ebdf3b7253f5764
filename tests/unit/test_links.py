"""Links between the repository's pages have targets, headings included."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("sdk/js/*.md")],
    key=lambda page: page.as_posix(),
)


def links_of(page: Path) -> Iterator[str]:
    """Return where a page's links lead, but for those to other places of the web."""
    for token in MarkdownIt().enable("table").parse(page.read_text("utf-8")):
        for inner in token.children or ():
            target = str(inner.attrs.get("href", ""))
            if inner.type == "link_open" and not re.match(r"[a-z]+:", target):
                yield target


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target), link
