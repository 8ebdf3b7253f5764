"""A pool of worker processes, so that no heavy work runs on the event loop.

`concurrent.futures` will not do: its processes import the server's main module again and
survive its SIGKILL, its results cannot stream, and the speech library must only be loaded
into a process that does nothing else. A worker that dies fails its open requests
(`WorkerLost`); the next request starts another worker. See `pipe.py` for the protocol.

Workers pass untrusted input to libraries written in C. So they do not get the server's
secrets, which are in its environment, and do not run as root even if the server does.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from ringline.voices.pipe import ANSWER_HEAD, END, FAILED, PART, REQUEST_HEAD, STAYS_ROOT

_log = structlog.get_logger()

#: Requests that may wait at one worker; further ones are refused (`PoolBusy`).
WAITING_LIMIT = 32

#: A worker that has work to do and is silent for this long is killed.
SILENCE_LIMIT_S = 20.0

#: How long a worker may take to exit after its input was closed.
END_S = 1.0


class WorkerLost(Exception):
    """The worker died before it had answered."""


class WorkFailed(Exception):
    """The work raised an error in the worker; the text is the error's type."""


class PoolBusy(Exception):
    """Too many requests are waiting already."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The environment and account of workers."""

    #: Their whole environment; a properly installed interpreter needs none.
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    #: The user and group id that they switch to; None keeps the server's.
    account: tuple[int, int] | None = None


class _Worker:
    """A process and the requests that it has not answered yet."""

    def __init__(self, process: Process, stays_root: Callable[[str], None]) -> None:
        self.process = process
        self._stays_root = stays_root
        # Each queue is bounded by the size of one answer (a sentence, a hypothesis).
        self.waiting: dict[int, asyncio.Queue[tuple[int, bytes]]] = {}
        self.lost = False
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        stream = self.process.stdout
        if stream is None:
            raise AssertionError("a worker is started with pipes")
        try:
            while True:
                head = await stream.readexactly(ANSWER_HEAD.size)
                request_id, kind, length = ANSWER_HEAD.unpack(head)
                body = await stream.readexactly(length)
                if kind == STAYS_ROOT:
                    self._stays_root(body.decode())
                elif (answers := self.waiting.get(request_id)) is not None:
                    answers.put_nowait((kind, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.lost = True
            for answers in self.waiting.values():
                answers.put_nowait((-1, b""))

    def kill(self) -> None:
        self.lost = True
        with suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), END_S)
        except TimeoutError:
            self.kill()
            await self.process.wait()
        await self.reading


class WorkerPool:
    """Up to `size` processes running one module; started when first needed."""

    def __init__(
        self, module: str, size: int = 1, *, surroundings: Surroundings | None = None
    ) -> None:
        self._module = module
        self._surroundings = surroundings or Surroundings()
        self._logged_root = False
        self._workers: list[_Worker | None] = [None] * size
        self._starting = [asyncio.Lock() for _ in range(size)]
        self._last_id = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Return whether a worker has nothing to do."""
        return any(worker is None or not worker.waiting for worker in self._workers)

    @property
    def process_ids(self) -> list[int]:
        """Return the ids of the running processes."""
        return [worker.process.pid for worker in self._workers if worker and not worker.lost]

    async def ask(self, body: bytes) -> AsyncGenerator[bytes]:
        """Yield the parts of the answer. Raises WorkerLost, WorkFailed or PoolBusy."""
        worker = await self._least_busy()
        self._last_id = request_id = (self._last_id + 1) & 0xFFFFFFFF
        answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        worker.waiting[request_id] = answers
        try:
            stdin = worker.process.stdin
            if worker.lost or stdin is None:
                raise WorkerLost
            stdin.write(REQUEST_HEAD.pack(request_id, len(body)) + body)
            while True:
                try:
                    kind, part = await asyncio.wait_for(answers.get(), SILENCE_LIMIT_S)
                except TimeoutError:
                    worker.kill()
                    raise WorkerLost from None
                if kind == PART:
                    yield part
                elif kind == END:
                    return
                elif kind == FAILED:
                    raise WorkFailed(part.decode())
                else:
                    raise WorkerLost
        finally:
            del worker.waiting[request_id]

    async def close(self) -> None:
        """Stop all workers, and start none any more."""
        self._closed = True
        for lock in self._starting:
            async with lock:
                pass
        await asyncio.gather(*(worker.end() for worker in self._workers if worker is not None))
        self._workers = [None] * len(self._workers)

    async def _least_busy(self) -> _Worker:
        def load(slot: int) -> int:
            worker = self._workers[slot]
            return 0 if worker is None or worker.lost else len(worker.waiting)

        slot = min(range(len(self._workers)), key=load)
        async with self._starting[slot]:
            if self._closed:
                raise WorkerLost
            worker = self._workers[slot]
            if worker is None or worker.lost:
                if worker is not None:
                    _log.warning("voice_worker_lost", module=self._module)
                    await worker.end()
                try:
                    worker = self._workers[slot] = await self._start()
                except OSError as error:  # out of memory or descriptors: it may work later
                    raise WorkerLost from error
            if len(worker.waiting) >= WAITING_LIMIT:
                raise PoolBusy
            return worker

    async def _start(self) -> _Worker:
        # -P keeps the working directory's modules out. In a session of its own, the worker does
        # not get the terminal's Ctrl-C while it is still importing.
        account = self._surroundings.account or ()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", self._module, *map(str, account)),
            stdin=PIPE,
            stdout=PIPE,
            env=self._surroundings.environment,
            start_new_session=True,
        )
        return _Worker(process, self._log_root)

    def _log_root(self, reason: str) -> None:
        if not self._logged_root:
            self._logged_root = True
            _log.warning("voice_worker_stays_root", module=self._module, reason=reason)
