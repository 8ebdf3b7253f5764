"""What the tests of whole servers share."""

import logging
from collections.abc import Iterator

import pytest

from tests.said import Everything, Said


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """Give all that is said: structlog, the standard library's logging, standard error."""
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield Said(handler, capfd)
    root.removeHandler(handler)
    root.setLevel(level)
