"""Publishes to nginx with nchan, over its own publish API; it runs beside the generator.

    python -m benchmarks.fanout.nchan_publisher PORT

It obeys the same commands as the other contestants: `publish RATE BURST LENGTH TOPICS`, `stop`.
The messages of a burst are pipelined on one connection, and the next tick waits for all answers.
nginx answers before it has delivered, so that messages pile up at it, several go out in one write,
and nothing is measured one at a time. As fast as it goes, the publisher is a subscriber too, the
last one, and the next tick waits for its messages as well.
"""

from __future__ import annotations

import re
import select
import socket
import sys
import time
from collections import Counter
from itertools import count

from benchmarks.fanout.marks import message
from benchmarks.sockets import connect, upgrade

_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


class Publisher:
    """One connection to nginx."""

    def __init__(self, port: int) -> None:
        self._connection = connect(port)
        self._numbers: Counter[int] = Counter()
        self._topics = count()
        self._read = b""
        self._port = port
        self._ear: socket.socket | None = None
        self._heard = b""

    def listen(self) -> None:
        """Wait for each message's delivery, from now on."""
        self._ear = connect(self._port)
        self._heard = upgrade(self._ear, "/sub?id=0")

    def stop(self) -> None:
        """Wait for deliveries no more."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def tick(self, burst: int, length: int, *, topics: int) -> None:
        """Publish a burst; return when it was answered."""
        requests: list[bytes] = []
        for _ in range(burst):
            topic = next(self._topics) % topics
            body = message(self._numbers[topic], length).encode()
            self._numbers[topic] += 1
            head = f"POST /pub?id={topic} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}"
            requests.append(f"{head}\r\n\r\n".encode() + body)
        self._connection.sendall(b"".join(requests))
        for _ in range(burst):
            self._answer()
        if self._ear is not None:
            while self._heard.count(b"@t=") < burst:
                data = self._ear.recv(65536)
                if not data:
                    raise SystemExit("nginx closed the publisher's subscription")
                self._heard += data
            self._heard = self._heard[self._heard.rindex(b"@t=") + 3 :]

    def _answer(self) -> None:
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        while len(self._read) < length:
            self._more()
        self._read = self._read[length:]

    def _more(self) -> None:
        data = self._connection.recv(65536)
        if not data:
            raise SystemExit("nginx closed the publisher's connection")
        self._read += data


def main() -> None:
    publisher = Publisher(int(sys.argv[1]))
    order: tuple[float, int, int, int] | None = None
    due = 0.0
    while True:
        wait_s = None if order is None else max(0.0, due - time.monotonic()) if order[0] else 0.0
        if select.select([sys.stdin], [], [], wait_s)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            word, *given = line.split()
            order = None
            publisher.stop()
            if word == "publish":
                rate, burst, length, topics = given
                order = float(rate), int(burst), int(length), int(topics)
                due = time.monotonic()
                if order[0] == 0 and order[3] == 1:
                    publisher.listen()
            print("ok", flush=True)
        elif order is not None:
            rate, burst, length, topics = order
            publisher.tick(burst, length, topics=topics)
            due += 1 / rate if rate else 0.0


if __name__ == "__main__":
    main()
