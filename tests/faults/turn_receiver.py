"""A receiver of BYOM turns to be killed: it echoes, and gets stuck where a turn tells it to.

Its argument is the port. At `HALFWAY` it sends half of its answer, at `AT_ONCE` nothing;
then it prints a line, and waits to be killed.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HALFWAY, AT_ONCE = "Half?", "None?"


class Receiver(BaseHTTPRequestHandler):
    """One connection of Ringline's, which is kept."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a turn or an event, or get stuck."""
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = body.get("transcription", "")
        answer = json.dumps({"text": said} if body.get("event") == "turn" else {})
        if said != AT_ONCE:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
        if said not in (HALFWAY, AT_ONCE):
            self.wfile.write(answer.encode())
            return
        if said == HALFWAY:
            self.wfile.write(answer[: len(answer) // 2].encode())
        print("stuck", flush=True)
        time.sleep(600)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print("ready", flush=True)
    server.serve_forever()
