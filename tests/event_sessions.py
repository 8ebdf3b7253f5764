"""Sessions of the events socket over a log in memory, in virtual time, and a client of theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from ringline.domain.call_vocabulary import CallStatus, CallTransport
from ringline.domain.credentials import Key, KeyKind
from ringline.domain.events import Event
from ringline.domain.log import Position, Scope
from ringline.domain.publication import Publication, Published
from ringline.services.found_calls import FoundCall
from ringline.services.hub import Hub
from ringline.services.presence import Presence
from ringline.web.events_session import EventsSession, SessionServices
from ringline.web.limits import SocketLimits
from ringline.web.watchers import Viewer, Watchers
from ringline.wire.dialect import Dialect
from ringline.wire.phoenix import Version
from tests import clock
from tests.faulty import FaultyBus, FaultyLog, MemoryLog
from tests.samples import NOW, a_scope, entry, new_id

SCOPE = a_scope(1)
Frame = list[Any]


class Wire:
    """A carrier that keeps what is written, a frame on each line (events_session.Carrier)."""

    def __init__(self) -> None:
        self.resume: Callable[[], None] = lambda: None
        self.paused = False
        self.frames: list[Frame] = []
        self.writes = 0
        self.goodbye: tuple[int, str] | None = None
        self.aborted = False

    def when_resumed(self, callback: Callable[[], None]) -> None:
        self.resume = callback

    def write(self, data: bytes) -> None:
        assert not self.paused, "nothing is written to a client that does not read"
        self.writes += 1
        self.frames += [json.loads(line) for line in data.splitlines()]

    def write_shared(self, data: bytes) -> None:
        self.write(data)

    def frame(self, payload: bytes) -> bytes:
        return payload + b"\n"

    def framed(self, dialect: Dialect) -> Dialect:
        return _Lines(dialect)

    async def begin_replay(self) -> None:
        await asyncio.sleep(0)

    def say_goodbye(self, code: int, reason: str) -> None:
        self.goodbye = code, reason

    def abort(self) -> None:
        self.aborted = True


class _Lines:
    """A dialect in such frames."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.name = f"lines/{dialect.name}"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        payload = self._dialect.encode(event, position, scope=scope)
        return None if payload is None else payload + b"\n"


class Client:
    """A client, whose session's frames it has in `seen`."""

    def __init__(self, desk: SessionDesk, session: EventsSession) -> None:
        self.wire = Wire()
        self.session = session
        self.gone = False
        self._desk = desk
        self._refs = count(1)
        session.begin(self.wire)

    @property
    def seen(self) -> list[Frame]:
        return self.wire.frames

    def send(self, *frame: Any) -> None:
        if not self.gone and self.wire.goodbye is None:
            self.session.take(json.dumps(frame))

    def join(self, topic: str = "events", ref: str | None = None, **payload: Any) -> str:
        """Ask to join; return the join's ref."""
        ref = ref or f"j{next(self._refs)}"
        self.send(ref, ref, topic, "phx_join", payload)
        return ref

    def pause(self) -> None:
        self.wire.paused = True

    def read_on(self) -> None:
        self.wire.paused = False
        self.wire.resume()

    def leave(self) -> None:
        """Go, without a word."""
        if not self.gone:
            self.gone = True
            self.session.left()

    def named(self, *events: str) -> list[Frame]:
        """Return the frames of some events."""
        return [frame for frame in self.seen if frame[3] in events]


class Calls:
    """Finds calls by their names, after a moment (found_calls.CallFinder)."""

    def __init__(self) -> None:
        self.known: dict[str, FoundCall] = {}
        #: How many are looked up now, and were at most.
        self.asked = 0
        self.most_asked = 0

    def add(self, call_id: UUID, *names: str, has_ended: bool = False) -> UUID:
        """Know a call by its id and by names."""
        status = CallStatus.COMPLETED if has_ended else CallStatus.ANSWERED
        ended_at = NOW if has_ended else None
        found = FoundCall(call_id, names[0], status, ended_at, None, CallTransport.WEBSOCKET)
        self.known |= dict.fromkeys((*names, str(call_id)), found)
        return call_id

    async def find(self, scope: Scope, name: str) -> FoundCall | None:
        self.asked += 1
        self.most_asked = max(self.most_asked, self.asked)
        await asyncio.sleep(0.001)
        self.asked -= 1
        return self.known.get(name) if scope == SCOPE else None


class SessionDesk:
    """The services of sessions, over one log and its neighbours."""

    def __init__(self, limits: SocketLimits | None = None, **presence: Any) -> None:
        self.truth = MemoryLog()
        self.store = FaultyLog(self.truth)
        self.bus = FaultyBus()
        self.hub = Hub(self.store, self.bus)
        self.elapsed = timedelta()
        self.calls = Calls()
        refs = count(1)
        self.services = SessionServices(
            Watchers(self.hub, self.store, credentials=None),  # type: ignore[arg-type]
            Presence(lambda: NOW + self.elapsed, lambda: f"r{next(refs)}", **presence),
            self.calls,  # type: ignore[arg-type]
            limits or SocketLimits(),
        )

    def client(
        self,
        present_as: str | None = None,
        *,
        scope: Scope = SCOPE,
        version: Version = Version.V2,
        kind: KeyKind = KeyKind.SECRET,
    ) -> Client:
        viewer = Viewer(scope, new_id(), present_as=present_as)
        session = EventsSession(self.services, viewer, version=version)
        session.admitted(Key(viewer.key_id, scope, kind, "test", "abcd", NOW))
        return Client(self, session)

    async def happen(self, *events: Event) -> None:
        """Write events, and publish them."""
        [offsets] = await self.truth.commit([entry(SCOPE, *events)])
        pairs = zip(offsets, events, strict=True)
        self.bus.publish(Publication(SCOPE, tuple(Published(*pair) for pair in pairs)))


def scenario(steps: Callable[[SessionDesk], Awaitable[None]], **given: Any) -> None:
    """Run steps at a desk; nothing may be left behind."""

    async def main() -> None:
        desk = SessionDesk(**given)
        desk.hub.start()
        await steps(desk)
        await desk.hub.close()
        assert not desk.bus.errors

    clock.run(main())
