"""The console's benchmark measures the console of this checkout, not an older one."""

import pytest

from benchmarks.console import run


def test_a_build_that_is_older_than_its_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "is_current", lambda _: False)
    with pytest.raises(SystemExit, match="make console"):
        run.console_budgets(tiny=True)
