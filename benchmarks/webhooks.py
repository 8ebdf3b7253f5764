"""Webhooks: how many are delivered, how soon, and what they cost the journal and the memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from benchmarks.cores import together
from benchmarks.report import Row, Section, percentile
from benchmarks.servers import LIMIT_S, UNLIMITED, Server, bench, directory
from ringline.services.sealer import Sealer
from ringline.storage.data_directory import DATABASE, SUPERUSER
from ringline.wire.webhook_signature import new_endpoint_secret

SETTINGS = {**UNLIMITED, "RINGLINE_WEBHOOK_ALLOW_PRIVATE": "1"}
RUNS = 3
FLOOD, BACKLOG, RATE, SECONDS, PENDING = 8_000, 16_000, 200, 10, 100_000
#: As many a second as no journal writes.
_AT_ONCE = 20_000


@dataclass
class Measured:
    """What each round measured."""

    without: list[float] = field(default_factory=list[float])
    with_one: list[float] = field(default_factory=list[float])
    drained: list[float] = field(default_factory=list[float])
    server_us: list[float] = field(default_factory=list[float])
    database_us: list[float] = field(default_factory=list[float])
    first_byte: list[list[float]] = field(default_factory=list[list[float]])
    megabytes: list[float] = field(default_factory=list[float])


def webhooks(*, tiny: bool = False) -> Section:
    measured = Measured()
    for _ in range(1 if tiny else RUNS):
        with (
            directory() as place,
            bench(place / "data", SETTINGS) as server,
            _receiving() as receiver,
            together([server.own]) as pin,
        ):
            _Round(server, receiver, place, measured, 100 if tiny else 1).measure(pin)
    p50, p99 = ([percentile(run, percent) for run in measured.first_byte] for percent in (50, 99))
    share = [
        100 * (1 - one / none)
        for one, none in zip(measured.with_one, measured.without, strict=True)
    ]
    return Section(
        "webhooks",
        "Webhooks",
        f"The server and PostgreSQL have one core together, a receiver that answers at once has "
        f"another. The journal writes {FLOOD:,} events of one call as fast as it can, with no "
        f"endpoint and with one that takes everything and is paused; then {BACKLOG:,} deliveries "
        f"of such a backlog are made. An event's way to its receiver is measured at {RATE} "
        f"events/s for {SECONDS} s, from the return of its commit to the first byte of the "
        f"request. At last a dead endpoint is owed {PENDING:,} retries, of which a part is due.",
        [
            Row("the journal without endpoints", measured.without, "events/s"),
            Row("the journal with a matching endpoint", measured.with_one, "events/s"),
            Row("that is less by", share, "%", "< 20"),
            Row("deliveries of a backlog", measured.drained, "/s", "≥ 1,000"),
            Row("server's CPU per delivery", measured.server_us, "µs"),
            Row("PostgreSQL's CPU per delivery", measured.database_us, "µs"),
            Row("commit → first byte, p50", p50, "ms"),
            Row("commit → first byte, p99", p99, "ms", "< 100"),
            Row(f"memory for {PENDING:,} pending retries", measured.megabytes, "MB", "< 50"),
        ],
    )


class _Receiver:
    """The receiver's process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.port = self._answer()

    def ask(self, line: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def _receiving() -> Generator[_Receiver]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.webhook_receiver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield _Receiver(process)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


class _Round:
    """One server, from an empty log to a dead endpoint."""

    def __init__(
        self,
        server: Server,
        receiver: _Receiver,
        place: Path,
        measured: Measured,
        smaller: int,
    ) -> None:
        self._server = server
        self._receiver = receiver
        self._place = place
        self._measured = measured
        self._smaller = smaller
        self._workspace = UUID(server.ready["workspace_id"])

    def measure(self, pin: Any) -> None:
        self._speak(RATE, 1)  # a warm-up, which opens the connections to the database
        pin()
        flood = FLOOD // self._smaller
        self._measured.without.append(self._flood(flood))
        self._register(self._receiver.port, paused=True)
        self._measured.with_one.append(self._flood(flood))
        self._flood(BACKLOG // self._smaller - flood)
        self._drain(BACKLOG // self._smaller)
        self._time(max(SECONDS // self._smaller, 1))
        self._pile_up(PENDING // self._smaller)

    def _flood(self, events: int) -> float:
        """Write events as fast as the journal can; return how many a second."""
        if not events:
            return 0
        begun = time.monotonic()
        count = len(self._speak(_AT_ONCE, events / _AT_ONCE))
        return count / (time.monotonic() - begun)

    def _drain(self, backlog: int) -> None:
        before, begun = self._server.cpu(), time.monotonic()
        self._sql("UPDATE ringline.webhook_endpoints SET paused = false")
        while self._receiver.ask("count") < backlog:
            if time.monotonic() - begun > LIMIT_S:
                raise SystemExit("the backlog is not delivered")
            time.sleep(0.02)
        took = time.monotonic() - begun
        used = self._server.cpu().since(before).shared_by(backlog)
        self._measured.drained.append(backlog / took)
        self._measured.server_us.append(used.server * 1e6)
        self._measured.database_us.append(used.database * 1e6)

    def _time(self, seconds: int) -> None:
        time.sleep(1)  # the last attempts are written
        self._receiver.ask("reset")
        moments = self._speak(RATE, seconds)
        begun = time.monotonic()
        while self._receiver.ask("count") < len(moments):
            if time.monotonic() - begun > LIMIT_S:
                raise SystemExit("an event did not arrive")
            time.sleep(0.02)
        path = self._place / "arrived"
        self._receiver.ask(f"report {path}")
        arrived: dict[str, int] = json.loads(path.read_text())
        self._measured.first_byte.append(
            [(arrived[name] - committed) / 1e6 for name, (_, committed) in moments.items()]
        )

    def _pile_up(self, count: int) -> None:
        """Owe a dead endpoint many retries; note what the server needs for them."""
        before, _ = self._server.resident()
        endpoint = self._register(1, paused=False)
        self._sql(
            "INSERT INTO ringline.webhook_deliveries (workspace_id, environment, id, event_id,"
            ' "offset", event_type, endpoint_id, target_id, attempts, step, schedule_from,'
            " next_attempt_at) SELECT e.workspace_id, e.environment, gen_random_uuid(),"
            ' gen_random_uuid(), e."offset", e.type, $1, $1, 1, 1, now(),'
            " now() + (n % 100 - 5) * interval '1 minute'"
            ' FROM generate_series(1, $2) n JOIN ringline.events e ON e."offset" = 1 + n % 100'
            " AND e.workspace_id = $3",
            endpoint,
            count,
            self._workspace,
        )
        time.sleep(5 if self._smaller == 1 else 1)
        self._measured.megabytes.append(self._server.resident()[0] - before)

    def _register(self, port: int, *, paused: bool) -> UUID:
        """Add an endpoint that takes everything."""
        endpoint = uuid4()
        sealer = Sealer(self._server.ready["encryption_key"], secrets.token_bytes)
        self._sql(
            "INSERT INTO ringline.webhook_endpoints (workspace_id, environment, id, url, secret,"
            " paused) VALUES ($1, 'live', $2, $3, $4, $5)",
            self._workspace,
            endpoint,
            f"http://127.0.0.1:{port}/",
            sealer.seal(new_endpoint_secret(secrets.token_bytes(32))),
            paused,
        )
        return endpoint

    def _speak(self, rate: int, seconds: float) -> dict[str, list[int]]:
        """Let events happen; return when each was submitted and committed."""
        process, path = self._server.process, self._place / "moments"
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{rate} {seconds} {path}\n".encode())
        process.stdin.flush()
        process.stdout.readline()
        return json.loads(path.read_text())

    def _sql(self, statement: str, *values: object) -> None:
        async def run() -> None:
            dsn = self._server.address.dsn(SUPERUSER, DATABASE)
            connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
            try:
                await connection.execute(statement, *values)
            finally:
                await connection.close()

        asyncio.run(run())
