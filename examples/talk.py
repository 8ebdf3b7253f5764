"""Talk to an agent in a browser: serves `talk.html`, and mints a ticket for each call.

    URL=http://127.0.0.1:7400 SECRET_KEY=sk_… AGENT_ID=agt_… python3 examples/talk.py

This is the whole backend that a page needs: the key stays here, the browser gets a ticket that
opens one session, once, within a minute. Python alone is enough. Whoever reaches the port may
talk, so it listens on this machine only; a real one asks first who is there.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL, KEY, AGENT = (os.environ[name] for name in ("URL", "SECRET_KEY", "AGENT_ID"))
PAGE = Path(__file__).with_name("talk.html")


def mint() -> tuple[int, bytes]:
    """Mint a ticket for the agent; return the status and body for the page."""
    request = Request(
        f"{URL}/v3/realtime-sessions",
        data=json.dumps({"agent_id": AGENT}).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=10) as answer:
            secret = json.load(answer)["client_secret"]
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()
    socket = URL.replace("http", "ws", 1) + "/v3/realtime"
    return 200, json.dumps({"socket": socket, "client_secret": secret}).encode()


class Talk(BaseHTTPRequestHandler):
    """The page at `/`, and `POST /ticket`."""

    def do_GET(self) -> None:
        """Send the page."""
        if self.path != "/":
            return self.send_error(404)
        self.answer(200, PAGE.read_bytes(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """Send a ticket."""
        if self.path != "/ticket":
            return self.send_error(404)
        self.answer(*mint(), "application/json")

    def answer(self, status: int, body: bytes, content_type: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Talk) as server:
        print(f"Open http://localhost:{server.server_port} and talk.", flush=True)
        server.serve_forever()
