"""The backend of a page that talks with an agent: the key stays here, the browser gets a ticket.

Anyone who reaches the port may talk, so it listens on this machine only; a real backend first
asks who is there. Python alone is enough.
"""

import json
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL, KEY, AGENT = (os.environ[name] for name in ("URL", "SECRET_KEY", "AGENT_ID"))
HERE = Path(__file__).resolve().parent
FILES = {"/": HERE / "talk.html", "/voice.js": HERE.parent / "src/ringline/web/voice.js"}


class Talk(SimpleHTTPRequestHandler):
    """The page with its module, and `POST /ticket`."""

    def translate_path(self, path: str) -> str:
        """Return where a file is; all but two are nowhere."""
        return str(FILES.get(path, "/dev/null/"))

    def do_POST(self) -> None:
        """Mint a ticket for the agent; what the server refuses, the page shows."""
        if self.path != "/ticket":
            return self.send_error(404)
        body = json.dumps({"agent_id": AGENT, "ws_url": True}).encode()
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        try:
            answer = urlopen(Request(f"{URL}/v3/realtime-sessions", body, headers), timeout=10)
        except HTTPError as refusal:
            answer = refusal
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer.read())


with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Talk) as server:
    print(f"Open http://localhost:{server.server_port} and talk.", flush=True)
    server.serve_forever()
