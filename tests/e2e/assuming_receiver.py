"""A receiver of an agent's webhooks, as an existing Python backend was written (8, assumption 1).

It knows nothing of Ringline but the documentation, uses the standard library alone, and refuses
whatever it does not expect. `python assuming_receiver.py SECRET PREVIOUS_SECRET` prints where it
listens, and then a line for each request.
"""

import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urljoin

TOLERANCE_S = 300
API = "https://api.example.com"
SECRETS = sys.argv[1:]


class Unexpected(Exception):
    """The request is not what the backend was written for."""


def expect(condition: object, why: str) -> None:
    if not condition:
        raise Unexpected(why)


def verify(headers: Any, raw: bytes) -> None:
    """Check the signature over the bytes as they came: both headers against both secrets."""
    timestamp = headers["X-Voicebip-Timestamp"]
    expect(timestamp and timestamp.isdigit(), "timestamp")
    expect(abs(time.time() - int(timestamp)) <= TOLERANCE_S, "clock")
    signed = timestamp.encode() + b"." + raw
    made = ["sha256=" + hmac.new(s.encode(), signed, hashlib.sha256).hexdigest() for s in SECRETS]
    sent = [
        headers[name]
        for name in ("X-Voicebip-Signature", "X-Voicebip-Signature-Previous")
        if headers[name]
    ]
    expect(any(hmac.compare_digest(one, own) for one in sent for own in made), "signature")


def read(headers: Any, raw: bytes) -> dict[str, Any]:
    """Read an event as the backend does; return what it takes from it."""
    body = json.loads(raw)
    event_id = body.get("event_id") or headers["X-Voicebip-Event-ID"]
    expect(event_id and event_id == headers["X-Voicebip-Event-ID"], "event_id")
    kind = body["event_type"]
    taken: dict[str, Any] = {"event_id": event_id, "event_type": kind}
    if kind.startswith("call."):
        payload = body["payload"]
        expect(payload["call_id"], "call_id")
        taken["call_id"] = payload["call_id"]
        if kind == "call.initiated":
            taken["from"] = payload.get("from_number") or body["from"]
            expect(taken["from"], "from_number")
        if kind == "call.completed":
            taken["duration"] = int(payload["duration_seconds"])
            url = payload.get("recording_url")
            taken["recording"] = urljoin(API, url) if url else None
    if kind == "message.received" and body["channel"] == "sms":
        payload = body["payload"]
        for name in ("message_id", "body"):
            taken[name] = payload[name]
        for name in ("agent_id", "from", "number"):
            taken[name] = body[name]
        expect(all(taken.values()), "sms")
    if kind == "message.dlr":
        payload = body["payload"]
        arrived = (payload["status"], payload["error_code"]) == ("DELIVRD", "000")
        parts = (payload["submitted"], payload["delivered"])
        taken |= {"message_id": payload["message_id"], "arrived": arrived, "parts": parts}
    return taken


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            verify(self.headers, raw)
            told, status = read(self.headers, raw), 200
        except (Unexpected, KeyError, ValueError) as error:
            told, status = {"refused": str(error)}, 400
        print(json.dumps(told), flush=True)
        answer = b'{"received": true}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:  # type: ignore[override]
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    print(server.server_address[1], flush=True)
    server.serve_forever()
