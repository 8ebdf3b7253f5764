"""The console's build, which some tests need."""

import pytest

from ringline.cli.console_build import is_current
from tests.pages import ROOT


def require_console() -> None:
    """Skip what needs the console, where it is not built from these sources."""
    if not is_current(ROOT):
        pytest.skip("the console is not built from these sources; run `make console`")
