"""The set-up of a checkout (`tools/`) in foreign environments."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Where pip would put things, or what it would do instead, if it were asked.
MOVES = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_CONSTRAINT", "PIP_DRY_RUN")


def make_wheel(folder: Path) -> Path:
    """Make a package `uv` whose program prints its arguments."""
    wheel = folder / "uv-9.9-py3-none-any.whl"
    info = "uv-9.9.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv_stand_in.py", "import sys\ndef main():\n    print(*sys.argv[1:])\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 9.9\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nuv = uv_stand_in:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_no_variable_of_pip_moves_an_installation(tmp_path: Path) -> None:
    checkout, elsewhere, commands = (tmp_path / name for name in ("checkout", "elsewhere", "bin"))
    shutil.copytree(ROOT / "tools", checkout / "tools")
    (checkout / "requirements").mkdir()
    (checkout / ".venv").mkdir()
    wheel = make_wheel(tmp_path)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = f"uv==9.9 --hash=sha256:{digest}\n"
    (checkout / "requirements" / "uv.txt").write_text(lock)
    commands.mkdir()
    (commands / "uv").write_text("#!/bin/sh\nexit 1\n")  # this machine's own is not to be found
    (commands / "uv").chmod(0o755)
    foreign = dict.fromkeys(MOVES, str(elsewhere))
    done = subprocess.run(
        [checkout / "tools" / "uv", sys.executable, "one", "two words"],
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith("PIP_")},
            **foreign,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "--quiet one two words\n", done.stderr
    assert (checkout / ".venv" / ".uv" / "bin" / "uv").is_file()
    assert not elsewhere.exists()
