"""The repository keeps its own promises: locks that hold everywhere, one version."""

import json
import re
import tomllib
from pathlib import Path

import pytest

import ringline

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def locked(path: Path) -> dict[str, list[str]]:
    """Reads a lock as name -> its entries, one per set of markers, each with its hashes."""
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", path.read_text().replace("\\\n", "")):
        if match := re.match(r"([a-z0-9._-]+)==", entry):
            found.setdefault(match[1], []).append(entry)
    return found


def versions(path: Path) -> dict[str, set[str]]:
    """Reads a lock as name -> the versions it may install."""
    return {name: {entry.split()[0] for entry in entries} for name, entries in locked(path).items()}


def names(requirements: list[str]) -> set[str]:
    """Gives the bare names of requirements."""
    return {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in requirements}


def test_there_are_locks() -> None:
    names = [path.name for path in LOCKS]
    assert names == ["console.txt", "dev.txt", "runtime.txt", "types.txt", "uv.txt"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_address_and_hashes_everything(path: Path) -> None:
    assert "://" not in path.read_text()
    entries = locked(path)
    assert entries
    assert [e for found in entries.values() for e in found if "--hash=sha256:" not in e] == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups, extras = project["dependency-groups"], project["project"]["optional-dependencies"]
    runtime = names(
        project["project"]["dependencies"] + extras["local"] + extras["silero"] + groups["build"]
    )
    assert runtime - set(locked(ROOT / "requirements/runtime.txt")) == set()
    assert (runtime | names(groups["dev"])) - set(locked(ROOT / "requirements/dev.txt")) == set()


@pytest.mark.parametrize("lock", ["runtime.txt", "console.txt"])
def test_the_tests_use_the_same_versions(lock: str) -> None:
    ours = versions(ROOT / "requirements" / lock)
    dev = versions(ROOT / "requirements/dev.txt")
    assert ours == {name: dev[name] for name in ours}


def npm_lock(project: str) -> dict[str, dict[str, object]]:
    """Reads the packages of a lock of npm's, without the project itself."""
    packages = json.loads((ROOT / project / "package-lock.json").read_text())["packages"]
    return {name: entry for name, entry in packages.items() if name}


@pytest.mark.parametrize("project", ["tests/e2e/js", "console"])
def test_an_npm_lock_names_no_address_and_has_every_integrity(project: str) -> None:
    third_party = npm_lock(project)
    assert third_party["node_modules/phoenix"]["version"] == "1.8.16"
    assert [name for name, entry in third_party.items() if "integrity" not in entry] == []
    assert [name for name, entry in third_party.items() if "resolved" in entry] == []


def test_the_console_pins_every_package_and_takes_the_sdks_typescript() -> None:
    asked = json.loads((ROOT / "console/package.json").read_text())
    pinned = asked["dependencies"] | asked["devDependencies"]
    locked_versions = npm_lock("console")
    assert pinned == {name: locked_versions[f"node_modules/{name}"]["version"] for name in pinned}
    sdk = json.loads((ROOT / "sdk/js/package.json").read_text())
    assert pinned["typescript"] == sdk["devDependencies"]["typescript"]


def test_the_version_is_a_release_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", ringline.__version__)


def test_the_sdks_package_has_the_projects_licence() -> None:
    assert (ROOT / "sdk/js/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
