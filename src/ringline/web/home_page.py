"""The page at `/`: which server this is, and links to its documentation.

Its links are relative, so that they work behind a proxy's path prefix. It loads nothing, and
shares the documentation page's style and Content-Security-Policy.
"""

from html import escape
from pathlib import Path

from ringline.web.docs_page import STYLE

_PAGE = (Path(__file__).parent / "home.html").read_text("utf-8")


def make_home(version: str) -> str:
    """Render the page for a version of the server."""
    return _PAGE.replace("{{style}}", STYLE).replace("{{version}}", escape(version))
