"""The page "Install", carried out as it stands, and the wheel that it makes.

What the environment of the wheel gets comes out of uv's cache instead of through pip, which
takes a minute; the requirement is read and resolved in the same way.
"""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringline import __version__
from tests.e2e.program import end, is_ready, reachable_directory, until
from tests.e2e.talk_modules import check_talk_page
from tests.pages import DOCS, ROOT, blocks_of

PAGE = DOCS / "install.md"
LIMIT_S = 250


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Carry the page out, with a home of its own; give that."""
    with reachable_directory() as home:
        _carry_out(home)
        yield home


def _carry_out(home: Path) -> None:
    fast_pip = f"""
cat >"$HOME/ringline/bin/pip" <<'END'
#!/bin/sh
exec {ROOT}/tools/uv {ROOT}/.venv/bin/python pip "$@" --python "$HOME/ringline/bin/python"
END
chmod +x "$HOME/ringline/bin/pip"
"""
    script = ["set -eu"]
    for block in blocks_of(PAGE, "sh"):
        script.append(block.code.replace("dist/ringline-", f"{home}/dist/ringline-"))
    page = "\n".join(script).replace("make dist", f"make dist DIST={home}/dist")
    venv = "python3 -m venv ~/ringline"
    page = page.replace(f"{venv}\n", f"{venv} --without-pip\n{fast_pip}")
    assert fast_pip in page
    done = subprocess.run(
        ["bash", "-c", page],
        cwd=ROOT,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines().count(__version__) == 2


def environment(home: Path) -> dict[str, str]:
    """Give an environment in which nobody has set anything, but uv finds its cache."""
    cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "UV_CACHE_DIR": cache,
        "UV_CONSTRAINT": str(ROOT / "requirements" / "runtime.txt"),
        "UV_LINK_MODE": "copy",
        "RINGLINE_DATA_DIR": str(home / "data"),
    }


@pytest.mark.timeout(300)  # it installs everything
def test_the_wheel_starts_and_answers(home: Path) -> None:
    program, ready_file = home / "ringline/bin/ringline", home / "ready.json"
    output = home / "dev.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [program, "dev", "--port", "0", "--ready-file", str(ready_file)],
            cwd=home,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: is_ready(ready_file) or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        url = json.loads(ready_file.read_text())["base_url"]
        asked = [program, "events", "--since", "0", "--json", "--url", url]
        key = json.loads(ready_file.read_text())["secret_key"]
        events = subprocess.run([*asked, "--key", key], capture_output=True, timeout=LIMIT_S)
        assert events.returncode == 0, events.stderr
        check_talk_page(url)
        with urllib.request.urlopen(f"{url}/console", timeout=LIMIT_S) as page:
            assert page.headers["X-Ringline-Build"]
    finally:
        end(process)
    assert process.returncode == 0


def test_the_doctor_of_the_wheel_names_what_it_can_install(home: Path) -> None:
    """Without the extra the advice holds what the wheel's metadata name, and no index."""
    library = next((home / "ringline/lib").glob("python3*/site-packages"))
    shutil.rmtree(library / "soxr")
    done = subprocess.run(
        [home / "ringline/bin/ringline", "doctor", "--json"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    findings = {one["check"]: one for one in json.loads(done.stdout)["findings"]}
    assert findings["voices"]["state"] == "warning"
    advice = findings["voices"]["advice"]
    assert advice.startswith(f"uv pip install --python {home}/ringline/bin/python")
    assert "soxr>=" in advice
    assert "ringline[" not in advice
    assert findings["command"]["advice"] == f'export PATH={home}/ringline/bin:"$PATH"'
