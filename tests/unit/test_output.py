"""Output: encodings without some characters, pipes, and all kinds of terminals."""

import asyncio
import io
import json
import os
import subprocess
import sys

import pytest
from rich.table import Table

from ringline.cli.outcome import run
from ringline.cli.program import main
from ringline.cli.terminal import (
    OutputClosed,
    is_screen,
    open_console,
    prepare_output,
    say,
    show,
    show_json,
)
from tests.e2e.program import environment

TEXT = "Grüße → “so” … ✓ ✂ 😀 \udcff"
VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CI", "TTY_COMPATIBLE", "COLUMNS")


class Output(io.TextIOWrapper):
    """A stdout of some encoding, that may say it is a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding, errors="strict")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", 'Gr??e -> "so" ... + 8< ? ?'),
        ("latin-1", 'Grüße -> "so" ... + 8< ? ?'),
        ("utf-8", "Grüße → “so” … ✓ ✂ 😀 \ufffd"),
    ],
)
def test_what_an_encoding_lacks_is_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    for name, tell in (("stdout", show), ("stderr", say)):
        output = Output(encoding)
        monkeypatch.setattr(sys, name, output)
        prepare_output()
        tell(TEXT)
        assert output.text() == f"{shown}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_loses_nothing_in_any_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(sys, "stdout", output := Output(encoding))
    prepare_output()
    show_json({"told": TEXT})
    assert json.loads(output.text()) == {"told": TEXT}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("words", [["--help"], ["call", "--help"], ["dance", "é→"]])
def test_help_and_misuse_in_any_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str, terminal: bool, words: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Output(encoding, terminal=terminal))
    monkeypatch.setattr(sys, "stderr", Output(encoding, terminal=terminal))
    assert main(words) == (2 if "dance" in words else 0)


SCREENS = {
    "a terminal": ({}, True, "utf-8", True),
    "a pipe": ({}, False, "utf-8", False),
    "colour in a pipe": ({"FORCE_COLOR": "1"}, False, "utf-8", False),
    "a terminal of 1978": ({"TERM": "dumb"}, True, "utf-8", False),
    "no name of a terminal": ({"TERM": ""}, True, "utf-8", False),
    "no colour": ({"NO_COLOR": "1"}, True, "utf-8", False),
    "an empty NO_COLOR": ({"NO_COLOR": ""}, True, "utf-8", True),
    "a CI": ({"CI": "true"}, True, "utf-8", False),
    "no CI": ({"CI": "false"}, True, "utf-8", True),
    "no signs for frames": ({}, True, "ascii", False),
}


@pytest.mark.parametrize("kind", SCREENS)
def test_panels_need_a_real_terminal(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    variables, terminal, encoding, screen = SCREENS[kind]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Output(encoding, terminal=terminal))
    assert is_screen() is screen


@pytest.mark.parametrize(
    ("name", "value", "terminal", "coloured"),
    [
        ("TERM", "xterm-256color", True, True),
        ("TERM", "xterm-256color", False, False),
        ("FORCE_COLOR", "1", False, True),
        ("NO_COLOR", "1", True, False),
        ("TERM", "dumb", True, False),
    ],
)
def test_who_gets_colours(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, terminal: bool, coloured: bool
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", output := Output(terminal=terminal))
    open_console().print("words", style="bold red")
    assert ("\x1b" in output.text()) is coloured


def test_nothing_is_wrapped_or_cut_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", output := Output())
    words = "word " * 400 + "end"
    table = Table("id", "label", box=None)
    table.add_row("1", words)
    console = open_console()
    console.print(words)
    console.print(table)
    told = output.text().splitlines()
    assert told[0] == words
    assert told[2].strip().split(maxsplit=1) == ["1", words]
    assert len(told[2]) < len(words) + 20
    assert main(["call", "--help"]) == 0
    assert all(line == line.rstrip() for line in output.text().splitlines()[3:])


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_pipe_ends_a_command_well(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, name, pipe)
        assert main(["secret"] if name == "stdout" else ["dance"]) == 0


def test_a_closed_pipe_is_found_in_tasks_and_in_styled_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    async def tell() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(print_styled())

    async def print_styled() -> None:
        open_console().print("words", style="bold")

    with open(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(OutputClosed):
            run(tell())
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # what is buffered goes somewhere


def test_a_process_without_a_reader_and_without_an_encoding() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ringline", "call", "--help"],
            env=environment(LC_ALL="C", PYTHONIOENCODING="ascii"),
            stdout=writing,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
