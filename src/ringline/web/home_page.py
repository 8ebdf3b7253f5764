"""The page at `/`: which server this is, and links to its documentation.

Its links are relative, so that they work behind a proxy's path prefix. It loads nothing, and
shares the documentation page's style and Content-Security-Policy.
"""

from html import escape
from pathlib import Path

from ringline.web.docs_page import STYLE

_PAGE = (Path(__file__).parent / "home.html").read_text("utf-8")


_TALK = '<tr><td><a href="talk">talk</a></td><td>talk to an agent in this browser</td></tr>\n'


def make_home(version: str, *, talks: bool = False) -> str:
    """Render the page for a version of the server; `talks` if there is a talk page."""
    page = _PAGE.replace("{{talk}}\n", _TALK if talks else "")
    return page.replace("{{style}}", STYLE).replace("{{version}}", escape(version))
