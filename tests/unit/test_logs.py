"""The log of a server: what happened and where, never what was said."""

import io
import json
import sys
import warnings
from collections.abc import Generator
from contextlib import redirect_stderr

import pytest
import structlog

from ringline.cli.logs import log_like_a_command, log_like_a_server, reason_of_end
from ringline.cli.program import main
from ringline.config import SettingsProblem


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Generator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    log_like_a_server()
    yield stream
    log_like_a_command()


def fail(secret: str) -> None:
    raise AttributeError(secret)


def test_an_error_tells_where_it_came_from_and_not_its_text(written: io.StringIO) -> None:
    try:
        fail("a secret")
    except AttributeError as error:
        structlog.get_logger().error("it_failed", error=type(error).__name__)
    assert "a secret" not in written.getvalue()
    told = json.loads(written.getvalue())
    assert told["error"] == "AttributeError"
    module, line = told["at"].split(" > ")[-1].split(":")
    assert (module, line) == (__name__, str(fail.__code__.co_firstlineno + 1))


def test_an_error_without_an_exception_tells_no_place(written: io.StringIO) -> None:
    structlog.get_logger().error("it_failed")
    assert "at" not in json.loads(written.getvalue())


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_a_level_leaves_out_what_is_below_it(
    written: io.StringIO, level: str, told: list[str]
) -> None:
    with redirect_stderr(written):
        log_like_a_server(level)
    log = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("it_happened")
    assert [json.loads(line)["level"] for line in written.getvalue().splitlines()] == told


def test_warnings_of_python_are_lines_of_the_log(written: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with redirect_stderr(written):
            log_like_a_server()
        warnings.warn("a secret", stacklevel=1)
    assert json.loads(written.getvalue())["library"] == "py.warnings"
    assert "a secret" not in written.getvalue()


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(**options: object) -> None:
        raise SettingsProblem("It cannot be.")

    monkeypatch.setattr("ringline.config.Settings.read", read)


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_server_that_does_not_start_says_so_in_its_log(
    command: str, written: io.StringIO
) -> None:
    with redirect_stderr(written):
        assert main([command]) == 1
    told = json.loads(written.getvalue())
    assert (told["event"], told["level"]) == ("server_ended", "critical")
    assert reason_of_end(written.getvalue().splitlines()) == told["reason"] == "It cannot be."


@pytest.mark.usefixtures("refused")
def test_a_server_in_a_terminal_says_it_to_whoever_typed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    with redirect_stderr(screen):
        assert main(["serve"]) == 1
    assert screen.getvalue() == "ringline: It cannot be.\n"


def test_a_servers_defect_is_told_without_its_text(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringline.config.Settings.read", lambda **_: fail("a secret"))
    with redirect_stderr(written):
        assert main(["serve"]) == 1
    assert "a secret" not in written.getvalue()
    lines = written.getvalue().splitlines()
    assert json.loads(lines[0])["at"].split(" > ")[-1].startswith(f"{__name__}:")
    assert "This is a bug in Ringline (AttributeError)" in reason_of_end(lines)


@pytest.mark.parametrize("line", ["", "Traceback", '{"event": "server_end', "[]", '{"event": "x"}'])
def test_other_lines_tell_no_end(line: str) -> None:
    assert reason_of_end([line]) == ""
