"""When a build of the console is current, and that this checkout's is."""

import json
from pathlib import Path

import pytest

from ringline.cli.console_build import BUILT, STAMP, digest_built, digest_of, is_current

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("console/src/main.tsx", "console/package-lock.json", "sdk/js/src/index.ts"):
        write(tmp_path / name, name)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def stamp(checkout: Path, text: str | None = None) -> None:
    write(checkout / BUILT / STAMP, text or json.dumps({"sources": digest_of(checkout)}))


def test_the_build_of_this_checkout_is_current() -> None:
    assert is_current(ROOT), "run `make console`"


def test_a_build_is_current_until_something_it_depends_on_changes(checkout: Path) -> None:
    assert not is_current(checkout)
    stamp(checkout)
    assert is_current(checkout)
    write(checkout / "console/test/some.test.ts", "no build depends on it")
    write(checkout / "console/node_modules/react/index.js", "nor on what is installed")
    assert is_current(checkout)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("console/src/main.tsx", "changed"),
        ("console/src/pages/New.tsx", "new"),
        ("console/package-lock.json", "a new version"),
        ("console/vite.config.ts", "other options"),
        ("sdk/js/src/index.ts", "another SDK"),
    ],
)
def test_a_change_makes_it_stale(checkout: Path, name: str, text: str) -> None:
    stamp(checkout)
    write(checkout / name, text)
    assert not is_current(checkout)


def test_a_name_is_part_of_what_is_built(checkout: Path) -> None:
    stamp(checkout)
    (checkout / "console/src/main.tsx").rename(checkout / "console/src/other.tsx")
    assert not is_current(checkout)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"sources": 1}'])
def test_a_broken_stamp_is_no_build(checkout: Path, text: str) -> None:
    stamp(checkout, text)
    assert not is_current(checkout)
    assert digest_built(checkout) != digest_of(checkout)
