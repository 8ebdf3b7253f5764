"""The commands that are right for an installation: a checkout's, and a wheel's."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from ringline.cli import installation
from ringline.cli.doctor import Grade, check_command

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_a_checkout_is_installed_by_its_own_tools() -> None:
    assert installation.checkout() == ROOT
    assert installation.line_that_installs("local") == f"{ROOT}/tools/install runtime"


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_wheel_names_packages_and_no_index(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, extra: str
) -> None:
    monkeypatch.setattr(installation, "REPOSITORY", tmp_path)
    line = installation.line_that_installs(extra)
    assert "ringline[" not in line
    assert sys.executable in line
    packages = [requirement.partition(";")[0] for requirement in EXTRAS[extra]]
    assert installation.packages_of(extra) == packages
    assert all(f"'{package}'" in line for package in packages)
    assert installation.packages_of("nothing") == []


def test_the_program_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = tmp_path / "our place" / "ringline"
    for place in (ours, tmp_path / "other" / "ringline"):
        place.parent.mkdir()
        place.write_text("#!/bin/sh\n")
        place.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(ours.with_name("python")))
    line = f"""export PATH='{ours.parent}':"$PATH\""""
    for path in ("", str(tmp_path / "other")):
        monkeypatch.setenv("PATH", path)
        assert installation.line_that_finds_program() == line
        found = check_command()
        assert (found.grade, found.advice) == (Grade.WARNING, line)
    monkeypatch.setenv("PATH", str(ours.parent))
    assert shutil.which("ringline") == str(ours)
    assert check_command().grade is Grade.GOOD
    assert installation.program() == [str(ours)]
