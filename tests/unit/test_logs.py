"""The log of a server: what happened and where, never what was said."""

import io
import json
import sys
import warnings
from collections.abc import Generator
from contextlib import redirect_stderr

import pytest
import structlog

from ringline.cli.logs import log_like_a_command, log_like_a_server


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
