"""What the tests with a browser share."""

from collections.abc import Iterator

import pytest

from tests.e2e.browser import close_browsers


@pytest.fixture(scope="module", autouse=True)
def browsers_of_this_file() -> Iterator[None]:
    """Close a file's browsers after its last test."""
    yield
    close_browsers()
