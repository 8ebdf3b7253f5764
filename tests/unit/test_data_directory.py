"""The layout of a data directory, and the addresses of its cluster."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ringline.storage.data_directory import Address, DataDirectory, EmbeddedError, Postmaster


def test_the_urls_of_an_address_survive_awkward_names() -> None:
    url = urlsplit(Address("/srv/a b&c").dsn("ringline_app", "ring/line"))
    assert (url.scheme, url.username, url.hostname) == ("postgresql", "ringline_app", None)
    assert unquote(url.path) == "/ring/line"
    asked = parse_qs(url.query)
    assert (asked.pop("host"), asked.pop("port")) == (["/srv/a b&c"], ["5432"])
    assert "target_session_attrs" in asked, "whatever PG* variables could change is fixed"
    bootstrap = Address("/srv/x").bootstrap_dsn
    assert bootstrap.startswith("postgresql://postgres@/postgres?host=/srv/x&port=5432&")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7\n/d/postgres\n1700\n5432\n/s\n\n  12 34\nready   \n", Postmaster(7, 1700, "/s", True)),
        ("7\n/d/postgres\n1700\n5432\n/s\n\n  12 34\nstarting\n", Postmaster(7, 1700, "/s", False)),
        ("7\n/d/postgres\n1700\n5432\n/s\n", None),  # not all of it is written yet
        ("x\n/d/postgres\n1700\n5432\n/s\n\n  12 34\nready   \n", None),
        ("", None),
    ],
)
def test_the_pid_file_of_a_server_is_parsed(
    tmp_path: Path, text: str, expected: Postmaster | None
) -> None:
    directory = DataDirectory.at(tmp_path)
    directory.cluster.mkdir()
    assert directory.postmaster() is None
    (directory.cluster / "postmaster.pid").write_text(text)
    assert directory.postmaster() == expected


def test_all_paths_of_a_directory_resolve_to_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    assert DataDirectory.at(tmp_path / "link") == DataDirectory.at(tmp_path / "data")


def test_a_short_path_has_its_socket_in_the_cluster() -> None:
    assert DataDirectory(Path("/srv/ringline")).socket_dir(None) == "/srv/ringline/postgres"


def test_a_long_path_has_a_socket_directory_of_its_own() -> None:
    first, second = (DataDirectory(Path("/srv/" + c * 90)).socket_dir(None) for c in "ab")
    try:
        assert first != second
        assert first == DataDirectory(Path("/srv/" + "a" * 90)).socket_dir(None)
        assert Path(first).stat().st_mode & 0o777 == 0o700
        Path(first).chmod(0o750)
        with pytest.raises(EmbeddedError, match="open to others"):
            DataDirectory(Path("/srv/" + "a" * 90)).socket_dir(None)
    finally:
        Path(first).rmdir()
        Path(second).rmdir()
