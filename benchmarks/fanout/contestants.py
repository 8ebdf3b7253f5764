"""The servers that are measured: Ringline, its peers, and a loop in C that only sends.

Each publishes on command and is counted by the processor time of its own processes. The texts
of the peers are as much longer as their frames have less around them, so that every connection
is sent the same number of bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.fanout.programs import HERE, Line, Missing, Subscriber, build, masked
from benchmarks.servers import UNLIMITED, seconds_of
from benchmarks.sockets import connect, post

RINGLINE, LIMIT, NCHAN, NODE_WS, SOCKET_IO = "Ringline", "C", "nginx + nchan", "ws", "Socket.IO"

#: Where nginx looks for nchan besides its own folder of modules.
NCHAN_MODULE = "NCHAN_MODULE"
_UPGRADE = (
    "Host: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_READY_S = 30.0


def upgrade_request(path: str) -> bytes:
    """Return the request that opens a WebSocket."""
    return f"GET {path} HTTP/1.1\r\n{_UPGRADE}".encode()


def get_request(path: str) -> bytes:
    """Return the request that opens a stream of events."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n".encode()


class Contestant(ABC):
    """A server that broadcasts."""

    name: str
    port: int
    #: The bytes around a message's text, by the kind of stream; a kind that is absent is not
    #: served.
    around: dict[str, int]

    #: Where its subscribers of many topics are; whether its handshakes, and what it does to
    #: clients that do not read, are measured.
    stream_of_topics = "ws"
    shakes = True
    holds_back = True

    def serves(self, stream: str) -> bool:
        """Return whether it serves a kind of stream."""
        return stream in self.around

    def beside(self) -> list[psutil.Process]:
        """Return processes that publish to it from outside."""
        return []

    @abstractmethod
    def processes(self) -> list[psutil.Process]:
        """Return its own processes."""

    @abstractmethod
    def subscribers(self, count: int, *, stream: str, topics: int = 1) -> list[Subscriber]:
        """Return so many subscribers of a kind of stream, one topic after the other."""

    @abstractmethod
    def ask(self, command: str) -> str:
        """Let it publish, or stop."""

    def publish(self, rate: float, burst: int, *, length: int, topics: int = 1) -> None:
        """Publish until `stop`: so many ticks per second, 0 being as fast as it goes."""
        self.ask(f"publish {rate} {burst} {length} {topics}")

    def stop(self) -> None:
        """Stop publishing."""
        self.ask("stop")

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        return sum(map(seconds_of, self.processes()))

    def resident(self) -> int:
        """Return its resident memory, in bytes."""
        return sum(process.memory_info().rss for process in self.processes())


class OfLine(Contestant):
    """A program that obeys lines and serves topics by the number at the end of their path."""

    def __init__(self, name: str, line: Line, *, around: dict[str, int]) -> None:
        self.name = name
        self.around = around
        self._line = line
        self.port = int(line.hear())

    def processes(self) -> list[psutil.Process]:
        return [self._line.own]

    def subscribers(self, count: int, *, stream: str, topics: int = 1) -> list[Subscriber]:
        ask = get_request if stream == "sse" else upgrade_request
        return [Subscriber(ask(f"/{stream}/{number % topics}")) for number in range(count)]

    def ask(self, command: str) -> str:
        return self._line.ask(command)


class OfSocketIo(OfLine):
    """Socket.IO: a client joins the namespace with its first packet."""

    def subscribers(self, count: int, *, stream: str, topics: int = 1) -> list[Subscriber]:
        path = "/socket.io/?EIO=4&transport=websocket&topic="
        return [
            Subscriber(upgrade_request(f"{path}{number % topics}"), masked("40"), b'40{"sid"')
            for number in range(count)
        ]


class Nchan(Contestant):
    """nginx with nchan; a publisher of ours uses its publish API, beside the generator."""

    name = NCHAN

    def __init__(self, nginx: Line, publisher: Line, *, port: int) -> None:
        self.port = port
        #: A stream's events have ids: `<seconds>:<number>`.
        self.around = {"ws": 4, "sse": 8 + len("id: 1700000000:0\n")}
        self._nginx = nginx
        self._publisher = publisher

    def processes(self) -> list[psutil.Process]:
        return [self._nginx.own, *self._nginx.own.children(recursive=True)]

    def subscribers(self, count: int, *, stream: str, topics: int = 1) -> list[Subscriber]:
        ask = get_request if stream == "sse" else upgrade_request
        return [Subscriber(ask(f"/sub?id={number % topics}")) for number in range(count)]

    def beside(self) -> list[psutil.Process]:
        return [self._publisher.own]

    def ask(self, command: str) -> str:
        return self._publisher.ask(command)


class Ringline(Contestant):
    """Ringline, with real tokens; what it publishes goes through the journal and the hub."""

    name = RINGLINE
    stream_of_topics = "sse"

    def __init__(self, line: Line) -> None:
        self._line = line
        self.ready: dict[str, Any] = json.loads(line.hear())
        self.port = int(self.ready["base_url"].rpartition(":")[2])
        self.kind = "ephemeral"
        self.around = {"ws": 0, "sse": 0}  # it is the others that follow
        self._tokens: list[str] = []

    def processes(self) -> list[psutil.Process]:
        return [self._line.own]

    def database_s(self) -> float:
        """Return the processor time of PostgreSQL."""
        return sum(map(seconds_of, self._line.own.children(recursive=True)))

    def subscribers(self, count: int, *, stream: str, topics: int = 1) -> list[Subscriber]:
        calls = json.loads(self._line.ask(f"calls {topics}"))
        with connect(self.port) as mint:  # anew: they last for five minutes
            self._tokens = [
                post(mint, "/api/realtime/session", self.ready["secret_key"], {})["token"]
                for _ in range(16)
            ]
        if stream == "ws" and topics == 1:
            return [self._events(number) for number in range(count)]
        key = self.ready["secret_key"]
        found: list[Subscriber] = []
        for number in range(count):
            call_id = calls[number % topics]
            path = f"/v1/calls/{call_id}/transcript/stream?token={key}"
            found.append(Subscriber(get_request(path), ready=b": ok\nid: "))
        return found

    def _events(self, number: int) -> Subscriber:
        token = self._tokens[number % len(self._tokens)]
        return Subscriber(
            upgrade_request(f"/socket/websocket?vsn=2.0.0&session_token={token}"),
            masked('["1","1","events","phx_join",{}]'),
            b'"status":"ok"',
            masked('[null,"2","phoenix","heartbeat",{}]'),
        )

    def ask(self, command: str) -> str:
        more = f" {self.kind}" if command.startswith("publish") else ""
        return self._line.ask(command + more)


# -- starting them ----------------------------------------------------------------------------


@contextlib.contextmanager
def ringline(place: Path) -> Iterator[Ringline]:
    """Start Ringline with a database of its own."""
    with environment(UNLIMITED | {"RINGLINE_MAX_CONNECTIONS_PER_ADDRESS": "0"}):
        program = "benchmarks.fanout.ringline_server"
        line = Line([sys.executable, "-m", program, "--data-dir", str(place / "data")])
    with contextlib.closing(_Ending(line)):
        yield Ringline(line)


@contextlib.contextmanager
def broadcaster(place: Path) -> Iterator[OfLine]:
    """Start the loop in C. Raises Missing."""
    line = Line([str(build("broadcaster", place))])
    with contextlib.closing(_Ending(line)):
        limit = OfLine(LIMIT, line, around={"ws": 4, "sse": 8})
        limit.shakes = limit.holds_back = False  # it does neither as one must
        yield limit


@contextlib.contextmanager
def node_ws() -> Iterator[OfLine]:
    """Start the broadcaster on npm's `ws`. Raises Missing."""
    with _node("ws", "node_ws.js") as line:
        yield OfLine(NODE_WS, line, around={"ws": 4})


@contextlib.contextmanager
def socket_io() -> Iterator[OfLine]:
    """Start the broadcaster on Socket.IO. Raises Missing."""
    with _node("socket.io", "socket_io.js") as line:
        around = 4 + len('42["event",""]')
        yield OfSocketIo(SOCKET_IO, line, around={"ws": around})


@contextlib.contextmanager
def nchan(place: Path) -> Iterator[Nchan]:
    """Start nginx with nchan. Raises Missing."""
    nginx, module = _find_nchan()
    port = _free_port()
    folder = place / "nginx"
    folder.mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(_NGINX.format(module=module, port=port, place=folder))
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    line = Line(command)
    try:
        _await(port)
        module_name = "benchmarks.fanout.nchan_publisher"
        publisher = Line([sys.executable, "-m", module_name, str(port)])
        with contextlib.closing(_Ending(publisher)):
            yield Nchan(line, publisher, port=port)
    finally:
        line.own.terminate()
        line.end()


class _Ending:
    def __init__(self, line: Line) -> None:
        self.close = line.end


@contextlib.contextmanager
def environment(more: dict[str, str]) -> Iterator[None]:
    """Set variables for the programs that are started within the block."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _node(package: str, script: str) -> Iterator[Line]:
    folder = HERE / "peers"
    node = shutil.which("node")
    if node is None:
        raise Missing("there is no Node here: apt-get install nodejs npm")
    if not (folder / "node_modules" / package).exists():
        place = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        raise Missing(f"npm's `{package}` is not installed: npm ci --prefix {place}")
    line = Line([node, str(folder / script)])
    with contextlib.closing(_Ending(line)):
        yield line


def _find_nchan() -> tuple[str, str]:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    install = "apt-get install nginx libnginx-mod-nchan"
    if nginx is None:
        raise Missing(f"there is no nginx here: {install}")
    said = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"--modules-path=(\S+)", said)
    folder = found[1] if found else "/usr/lib/nginx/modules"
    module = os.environ.get(NCHAN_MODULE) or f"{folder}/ngx_nchan_module.so"
    if not Path(module).exists():
        raise Missing(
            f"nginx has no nchan: {install}, or say in {NCHAN_MODULE} where its module is"
        )
    return nginx, module


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def _await(port: int) -> None:
    ends = time.monotonic() + _READY_S
    while time.monotonic() < ends:
        with contextlib.suppress(OSError):
            connect(port).close()
            return
        time.sleep(0.02)
    raise SystemExit("nginx does not answer.")


_NGINX = """\
load_module {module};
daemon off;
worker_processes 1;
pid {place}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {place};
  proxy_temp_path {place};
  fastcgi_temp_path {place};
  uwsgi_temp_path {place};
  scgi_temp_path {place};
  client_body_in_single_buffer on;
  client_body_buffer_size 128k;
  keepalive_requests 100000000;
  keepalive_timeout 3600s;
  nchan_shared_memory_size 256m;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /pub {{
      nchan_publisher;
      nchan_channel_id $arg_id;
      nchan_store_messages off;
    }}
    location = /sub {{
      nchan_subscriber websocket eventsource;
      nchan_channel_id $arg_id;
    }}
  }}
}}
"""
