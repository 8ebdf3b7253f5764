"""What an `Accept…` field names."""

import pytest

from ringline.wire.preferences import is_named


@pytest.mark.parametrize(
    ("field", "name", "named"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html", True),
        ("application/json, TEXT/HTML ; q=0.1", "text/html", True),
        ("text/html;level=1", "text/html", True),
        ("text/html;q=0", "text/html", False),
        ("text/html; level=1; Q=0.000", "text/html", False),
        ("*/*", "text/html", False),
        ("text/htmlx", "text/html", False),
        ("", "text/html", False),
        (",;,", "text/html", False),
        ("gzip, deflate, br, zstd", "gzip", True),
        ("br;q=1.0, gzip;q=0.5", "gzip", True),
        ("br, gzip;q=0", "gzip", False),
        ("identity", "gzip", False),
    ],
)
def test_a_field_names_a_value(field: str, name: str, named: bool) -> None:
    assert is_named(field, name) is named
