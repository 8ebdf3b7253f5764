"""What a peer is told on its input: the database, a workspace, its key, what signs cursors."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Order:
    """One line of JSON."""

    dsn: str
    workspace_id: UUID
    key: str
    signing_secret: str


def read_order() -> Order:
    told = json.loads(sys.stdin.readline())
    return Order(told["dsn"], UUID(told["workspace_id"]), told["key"], told["signing_secret"])


def listen() -> socket.socket:
    """Listen on a free port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setblocking(False)
    return listening


def tell(listening: socket.socket) -> None:
    """Tell the port, when the peer is ready."""
    print(listening.getsockname()[1], flush=True)
