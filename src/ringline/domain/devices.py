"""What a sign-in is called in the list of a person's devices: "Firefox on Linux".

Browsers name each other in `User-Agent`, so the first row that fits counts.
"""

#: What is looked for in `User-Agent`, and what it stands for.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """Return the name of a device by its `User-Agent`; it holds none of the client's text."""
    browser = _first(BROWSERS, user_agent) or "A program"
    system = _first(SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def _first(table: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for sign, name in table if sign in text), None)
