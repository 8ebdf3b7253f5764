"""System programs that tests run; a test is skipped if its program is missing.

`make test` runs this file once, to install missing programs with apt if we are root. That
takes longer than a test may.
"""

import os
import shutil
import subprocess

import pytest

#: Each program, and Debian's package of it.
PROGRAMS = {"chromium": "chromium", "curl": "curl", "nginx": "nginx-light"}
#: Where else they are, and how else they are called.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))
_NAMES = {"chromium": ("chromium", "chromium-browser", "google-chrome")}
_LIMIT_S = 600


def find_program(name: str) -> str:
    """Find a program of the table; skip the test where it is not there."""
    found = _find(name)
    if found is None:
        pytest.skip(f"needs {name}, which is not there and could not be installed")
    return found


def install_programs() -> None:
    """Install what is missing, where that may be done; say what is missing still."""
    packages = [package for name, package in PROGRAMS.items() if _find(name) is None]
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(packages)}", flush=True)
        quiet = {"check": False, "stdout": subprocess.DEVNULL, "timeout": _LIMIT_S}
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        if subprocess.run(install, env=environment, stderr=subprocess.DEVNULL, **quiet).returncode:
            # A new machine has no list of packages yet.
            subprocess.run(["apt-get", "update", "-q"], env=environment, **quiet)
            subprocess.run(install, env=environment, **quiet)
    missing = [name for name in PROGRAMS if _find(name) is None]
    if missing:
        print(f"Without {', '.join(missing)}: their tests will be skipped", flush=True)


def _find(name: str) -> str | None:
    found = (shutil.which(one, path=_PATH) for one in _NAMES.get(name, (name,)))
    return next(filter(None, found), None)


if __name__ == "__main__":
    install_programs()
