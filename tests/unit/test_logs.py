"""The log of a server: what happened and where, never what was said."""

import io
import json
import sys
from collections.abc import Generator

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
