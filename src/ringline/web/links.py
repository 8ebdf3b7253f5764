"""Where clients reach this server, and the links that it makes of it (contract, 8)."""


class Links:
    """The server's own URL and what is found below it.

    With port 0 the URL is known only when the server listens, before anybody can ask.
    """

    def __init__(self, documentation_url: str | None = None) -> None:
        self._documentation_url = documentation_url
        self._base_url = ""

    def reached_at(self, base_url: str) -> None:
        """Say how clients reach this server, e.g. `https://example.com/voice`."""
        self._base_url = base_url

    @property
    def base_url(self) -> str:
        """Return how clients reach this server; there is no slash at its end."""
        assert self._base_url, "nobody has said where this server is reached"
        return self._base_url

    @property
    def documentation_base(self) -> str:
        """Return what stands before an error's code in its `documentation_url`."""
        return self._documentation_url or f"{self.base_url}/docs#"
