"""The page at `/`: which server this is, and where to go from here.

Its links are relative, so that they hold below a proxy's path prefix too. It loads nothing,
and the policy of the documentation page holds for it, whose style it shares.
"""

from html import escape
from pathlib import Path

from ringline.web.docs_page import STYLE

_PAGE = (Path(__file__).parent / "home.html").read_text("utf-8")


def make_home(version: str) -> str:
    """Make the page of a version of the server."""
    return _PAGE.replace("{{style}}", STYLE).replace("{{version}}", escape(version))
