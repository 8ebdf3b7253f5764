"""Every command explains itself: `--help` is the manual."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import App

from ringline import cli
from ringline.cli import program
from ringline.cli.leash import LEASH_GROUP
from ringline.cli.program import app, main
from tests.pages import DOCS

_LOADED = """
import sys
from ringline.cli.program import app
app["dev"].parse_args([])
print(*sys.modules)
"""

COMMANDS = (
    ("dev",),
    ("serve",),
    ("migrate",),
    ("secret",),
    ("workspace", "create"),
    ("workspace", "list"),
    ("key", "create"),
    ("key", "list"),
    ("key", "revoke"),
    ("console",),
    ("agent", "list"),
    ("rpc",),
    ("token",),
    ("events",),
    ("webhooks", "tail"),
    ("webhooks", "forward"),
    ("webhooks", "redeliver"),
    ("why",),
    ("call",),
    ("recording",),
    ("doctor",),
)


def leaves(program: App, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return the commands that a reader of the help finds."""
    names = [name for name in program if not name.startswith("-")]
    if not names:
        return {path}
    shown = [name for name in names if program[name].show]
    return set().union(*(leaves(program[name], (*path, name)) for name in shown))


def test_these_are_the_commands() -> None:
    assert leaves(app) == set(COMMANDS)


@pytest.mark.parametrize("command", [(), *COMMANDS, ("demo",)], ids=" ".join)
def test_help(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: {' '.join(('ringline', *command))}")
    assert len(told.splitlines()) > 4


def test_the_list_of_commands_says_what_they_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Place a call and play a recording" in capsys.readouterr().out


def test_a_server_carries_no_client() -> None:
    """In a process of its own, as this one has loaded everything."""
    loaded = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "ringline.app" in loaded
    assert not {"numpy", "soxr", "ringline.client.realtime", "rich.live"} & set(loaded)


@pytest.mark.parametrize("command", [*COMMANDS, ("demo",)], ids=" ".join)
def test_every_option_is_explained(command: tuple[str, ...]) -> None:
    program = app
    for name in command:
        program = program[name]
    assert program.help
    for argument in program.assemble_argument_collection():
        assert argument.parameter.help, argument.name


def test_a_failure_is_never_silent() -> None:
    """Commands fail by an exception with a sentence; `main` alone knows the exit code 1."""
    failing = {
        module.name
        for module in Path(cli.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Name) and node.id == "FAILED"
    }
    assert failing == {"outcome.py", "program.py"}


def test_a_defect_has_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("two\nlines \x1b[2J")

    monkeypatch.setattr(program, "app", broken)
    assert main(["secret"]) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "\x1b" not in told
    assert told.endswith("\nringline: This is a bug in Ringline (TypeError); please report it.\n")


def test_the_reference_names_every_option_that_leashes_a_call() -> None:
    page = (DOCS / "reference" / "command-line.md").read_text("utf-8")
    options = [
        argument.name
        for argument in app["call"].assemble_argument_collection()
        if argument.parameter.group == (LEASH_GROUP,) and argument.name != "*"
    ]
    assert len(options) == 11
    assert all(f"`{option}`" in page for option in options)
