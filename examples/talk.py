"""The backend of a page that talks with an agent: the key stays here, the browser gets a ticket.

Anyone who reaches the port may talk, so it listens on this machine only; a real backend first
asks who is there. Python alone is enough.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL, KEY, AGENT = (os.environ[name] for name in ("URL", "SECRET_KEY", "AGENT_ID"))
HERE = Path(__file__).resolve().parent
FILES = {
    "/": (HERE / "talk.html", "text/html; charset=utf-8"),
    "/voice.js": (HERE.parent / "src/ringline/web/voice.js", "text/javascript"),
}


def mint() -> bytes:
    """Mint a ticket for the agent; what the server refuses, the page shows."""
    asked = json.dumps({"agent_id": AGENT, "ws_url": True}).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    try:
        with urlopen(Request(f"{URL}/v3/realtime-sessions", asked, headers), timeout=10) as answer:
            return answer.read()
    except HTTPError as refusal:
        return refusal.read()


class Talk(BaseHTTPRequestHandler):
    """The page with its module, and `POST /ticket`."""

    def do_GET(self) -> None:
        """Send a file."""
        path, content_type = FILES.get(self.path, (None, ""))
        self.answer(content_type, path.read_bytes()) if path else self.send_error(404)

    def do_POST(self) -> None:
        """Send a ticket."""
        self.answer("application/json", mint()) if self.path == "/ticket" else self.send_error(404)

    def answer(self, content_type: str, body: bytes) -> None:
        """Send a whole answer."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Talk) as server:
        print(f"Open http://localhost:{server.server_port} and talk.", flush=True)
        server.serve_forever()
