"""README leads to every page and names every command."""

from ringline.cli.program import app
from tests.pages import DOCS, ROOT

README = (ROOT / "README.md").read_text("utf-8")


def test_every_page_is_linked() -> None:
    pages = [path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")]
    assert [page for page in pages if f"({page})" not in README] == []


def test_every_command_is_named() -> None:
    _, _, rest = README.partition("## The command line")
    table, _, _ = rest.partition("## Documentation")
    commands = [name for name in app if not name.startswith("-") and app[name].show]
    assert "console" in commands
    assert [name for name in commands if f"`{name}" not in table] == []
