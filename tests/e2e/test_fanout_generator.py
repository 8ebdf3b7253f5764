"""The benchmark's generator counts what a server sent, and notices what it did not."""

import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.fanout.contestants import get_request, upgrade_request
from benchmarks.fanout.marks import LEAST, message
from benchmarks.fanout.programs import Crowd, Subscriber, build

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="it takes Linux and a C compiler"
)

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("generator", tmp_path_factory.mktemp("built"))


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def serve(server: socket.socket, pieces: Sequence[bytes], *, answer: bytes = HEAD) -> None:
    """Answer one client, and send it pieces when it has sent a hello."""

    def run() -> None:
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = b""
            while not asked.endswith(b"hello"):
                data = connection.recv(4096)
                if not data:
                    return
                asked += data
                if asked.endswith(b"\r\n\r\n"):
                    connection.sendall(answer)
            connection.sendall(b"wel")
            time.sleep(0.01)
            connection.sendall(b"come")
            time.sleep(0.2)
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.002)
            connection.recv(4096)

    threading.Thread(target=run, daemon=True).start()


def crowd_of(generator: Path, server: socket.socket, place: Path) -> Crowd:
    subscriber = Subscriber(upgrade_request("/"), b"hello", b"welcome", b"beat")
    port = server.getsockname()[1]
    return Crowd(generator, port, subscribers=[subscriber], place=place)


def texts(*numbers: int) -> bytes:
    return b"".join(b"\x81\x7e" + message(number, 80).encode() for number in numbers)


@pytest.mark.parametrize("step", [1, 7, 33, 500])
def test_marks_are_found_wherever_a_read_ends(
    generator: Path, listening: socket.socket, tmp_path: Path, step: int
) -> None:
    sent = texts(*range(6))
    if step == 1:  # one cut through a mark is enough for single bytes
        pieces = [sent[:90], *(sent[at : at + 1] for at in range(90, 100)), sent[100:]]
    else:
        pieces = [sent[at : at + step] for at in range(0, len(sent), step)]
    serve(listening, pieces)
    crowd = crowd_of(generator, listening, tmp_path)
    crowd.open()
    came = crowd.measure(0.8)
    crowd.close()
    assert (came["deliveries"], came["lost"], came["open"]) == (6, 0, 1)
    assert came["bytes"] == len(sent)
    assert 0 < came["p50_ms"] <= came["p99_ms"] <= came["most_ms"]


@pytest.mark.parametrize(
    ("numbers", "lost"), [((0, 1, 2), 0), ((0, 1, 4), 2), ((0, 2, 1), 2), ((0, 0), 1)]
)
def test_what_is_missing_or_doubled_is_noticed(
    generator: Path,
    listening: socket.socket,
    tmp_path: Path,
    numbers: tuple[int, ...],
    lost: int,
) -> None:
    serve(listening, [texts(*numbers)])
    crowd = crowd_of(generator, listening, tmp_path)
    crowd.open()
    came = crowd.measure(0.6)
    crowd.close()
    assert (came["deliveries"], came["lost"]) == (len(numbers), lost)


def test_a_server_that_refuses_is_no_contestant(
    generator: Path, listening: socket.socket, tmp_path: Path
) -> None:
    serve(listening, [], answer=b"HTTP/1.1 403 Forbidden\r\n\r\n")
    crowd = crowd_of(generator, listening, tmp_path)
    with pytest.raises(SystemExit, match="Of 1 connections 0 were opened"):
        crowd.open()
    crowd.close()


def test_a_text_is_as_long_as_asked() -> None:
    assert len(message(7, LEAST)) == LEAST
    assert len(message(7, 300)) == 300
    assert get_request("/x").startswith(b"GET /x HTTP/1.1\r\n")
