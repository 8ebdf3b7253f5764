"""The tables of the events socket, row by row: its handshake (3.2) and its channels (3.5).

Rows about defects of the server's own (`join crashed`, `channel_crash`) are in
`tests/unit/test_phoenix_socket.py`, those about revocation and a server that stops in
`test_realtime_revocation.py` and `test_events_socket.py`.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeAlias

import pytest

from tests.database import TestDatabase
from tests.realtime_session import UPGRADE
from tests.serving import Service, serving
from tests.watchers import Frame, events_client

#: A message of either side: of the client, or of the server.
Step: TypeAlias = tuple[str, list[Any]]
EMPTY: dict[str, Any] = {}


def sent(*message: Any) -> Step:
    return "sent", list(message)


def told(*message: Any) -> Step:
    return "told", list(message)


def ok(join: str | None, ref: str, topic: str = "events", response: Any = EMPTY) -> Step:
    return told(join, ref, topic, "phx_reply", {"status": "ok", "response": response})


def error(join: str | None, ref: str, topic: str, reason: str) -> Step:
    return told(join, ref, topic, "phx_reply", {"status": "error", "response": {"reason": reason}})


#: Stands for the response of a join: a position, which differs.
POSITION = {"position": ...}
JOIN = (sent("1", "1", "events", "phx_join", EMPTY), ok("1", "1", response=POSITION))
HEARTBEAT = (
    sent(None, "9", "phoenix", "heartbeat", EMPTY),
    ok(None, "9", "phoenix"),
)

#: 3.5, in its order. A heartbeat's reply shows that nothing came before it.
CHANNEL_ROWS: Mapping[str, tuple[Step, ...]] = {
    "heartbeat": HEARTBEAT,
    "join ok": JOIN,
    "join refused by app": (
        sent("1", "1", "events:mine", "phx_join", EMPTY),
        error("1", "1", "events:mine", "unauthorized"),
        sent("1", "2", "events:mine", "shout", EMPTY),
        error(None, "2", "events:mine", "unmatched topic"),
    ),
    "join of an unknown topic": (
        sent("1", "1", "weather", "phx_join", EMPTY),
        error(None, "1", "weather", "unmatched topic"),
    ),
    "second join on the same topic": (
        *JOIN,
        sent("2", "2", "events", "phx_join", EMPTY),
        ok("2", "2", response=POSITION),
        told("1", "1", "events", "phx_close", EMPTY),
    ),
    "leave": (
        *JOIN,
        sent("1", "2", "events", "phx_leave", EMPTY),
        ok("1", "2"),
        told("1", "1", "events", "phx_close", EMPTY),
    ),
    "leave of a topic not joined": (
        sent("7", "8", "events", "phx_leave", EMPTY),
        ok("7", "8"),
    ),
    "message to a topic not joined": (
        sent("1", "2", "events", "shout", EMPTY),
        error(None, "2", "events", "unmatched topic"),
    ),
    "message whose join_ref is stale": (
        *JOIN,
        sent("0", "2", "events", "shout", EMPTY),
        *HEARTBEAT,
    ),
    "message with null join_ref on a joined topic": (
        *JOIN,
        sent(None, "2", "events", "shout", EMPTY),
        error(None, "2", "events", "unknown event"),
    ),
    "event the channel does not handle": (
        *JOIN,
        sent("1", "2", "events", "shout", EMPTY),
        error("1", "2", "events", "unknown event"),
        sent("1", "3", "events", "phx_leave", EMPTY),  # the channel is still there
        ok("1", "3"),
        told("1", "1", "events", "phx_close", EMPTY),
    ),
    "elements after the fifth are ignored": (
        sent(None, "9", "phoenix", "heartbeat", EMPTY, "sixth", 7),
        ok(None, "9", "phoenix"),
    ),
}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, allowed_origins=["https://app.example"]) as service:
        yield service


def shown(frame: Frame) -> Frame:
    """Return a frame with the positions in it blotted out."""
    payload = frame[4]
    response = payload.get("response", {})
    if "position" in response:
        assert set(response) == {"position"}
        return [*frame[:4], {**payload, "response": POSITION}]
    return frame


async def test_channels_row_by_row(service: Service) -> None:
    for row, steps in CHANNEL_ROWS.items():
        async with events_client(service) as client:
            for side, message in (*steps, *HEARTBEAT):
                if side == "sent":
                    await client.send(*message)
                else:
                    assert shown(await client.receive()) == message, row


#: 3.2, in its order: path, headers, status, and what the answer says.
#: `TOKEN` stands for a session token, `ENCODED` for the same as a subprotocol carries it.
HANDSHAKE_ROWS: Mapping[str, tuple[str, Mapping[str, str], int]] = {
    "app params first": ("session_token=TOKEN&vsn=2.0.0", {}, 101),
    "vsn first": ("vsn=2.0.0&session_token=TOKEN", {}, 101),
    "nested params": ("a%5Bb%5D=c&session_token=TOKEN&vsn=2.0.0", {}, 101),
    "vsn absent": ("session_token=TOKEN", {}, 101),
    "vsn that matches neither": ("session_token=TOKEN&vsn=3.0.0", {}, 403),
    "vsn that is no version": ("session_token=TOKEN&vsn=new", {}, 403),
    "missing token": ("vsn=2.0.0", {}, 403),
    "bad token": ("session_token=a.b.c&vsn=2.0.0", {}, 403),
    "an origin that is allowed": (
        "session_token=TOKEN&vsn=2.0.0",
        {"Origin": "https://app.example"},
        101,
    ),
    "an origin that is not": (
        "session_token=TOKEN&vsn=2.0.0",
        {"Origin": "https://other.example"},
        403,
    ),
    "compression offered": (
        "session_token=TOKEN&vsn=2.0.0",
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
        101,
    ),
    "subprotocol auth": (
        "vsn=2.0.0",
        {"Sec-WebSocket-Protocol": "phoenix, base64url.bearer.phx.ENCODED"},
        101,
    ),
    "another subprotocol": (
        "session_token=TOKEN&vsn=2.0.0",
        {"Sec-WebSocket-Protocol": "chat"},
        101,
    ),
}


async def test_handshakes_row_by_row(service: Service) -> None:
    token = await service.session_token()
    encoded = b64encode(token.encode()).decode().rstrip("=")
    for row, (query, headers, status) in HANDSHAKE_ROWS.items():
        url = f"{service.base_url}/socket/websocket?{query.replace('TOKEN', token)}"
        filled = {name: text.replace("ENCODED", encoded) for name, text in headers.items()}
        async with service.http.get(url, headers={**UPGRADE, **filled}) as answer:
            assert answer.status == status, row
            if status == 403:
                assert await answer.read() == b"", row
                continue
            assert "Sec-WebSocket-Extensions" not in answer.headers, row
            offered = "Sec-WebSocket-Protocol" in headers
            chosen = answer.headers.get("Sec-WebSocket-Protocol")
            assert chosen == ("phoenix" if offered else None), row
            answer.close()
