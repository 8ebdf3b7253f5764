"""The server's own URL, and links built from it (contract, 8)."""

from urllib.parse import urlsplit


class Links:
    """The server's own URL and the pages under it.

    With port 0 the URL is only known once the server listens, before the first request.
    """

    def __init__(self, documentation_url: str | None = None) -> None:
        self._documentation_url = documentation_url
        self._base_url = ""

    def reached_at(self, base_url: str) -> None:
        """Set the URL for clients, e.g. `https://example.com/voice`."""
        self._base_url = base_url

    @property
    def base_url(self) -> str:
        """Return the server's URL, without a trailing slash."""
        assert self._base_url, "the server's URL has not been set"
        return self._base_url

    def prefix_at(self, host: str) -> str:
        """Return the path of the server's pages for requests with this `Host`.

        A proxy takes the public URL's path off, so a request does not show it. Some proxies drop
        the port from `Host` too.
        """
        public = urlsplit(self.base_url)
        own = public.netloc.lower()
        without_port = own if public.port is None else own.removesuffix(f":{public.port}")
        return public.path if host.lower() in (own, without_port) else ""

    @property
    def documentation_base(self) -> str:
        """Return the part of `documentation_url` before an error's code."""
        return self._documentation_url or f"{self.base_url}/docs#"
