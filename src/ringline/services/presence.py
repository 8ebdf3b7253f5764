"""Presence on the events socket: who is there, told to all who listen (contract, 11).

This process lists its own sockets. Changes of a short window are one frame, encoded once and
shared, so that a workspace whose sockets come and go by the thousand is told of them together.
Nobody waits for a listener: one that does not read gets the list anew once it does.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from ringline.domain import socket_limits
from ringline.domain.log import Scope
from ringline.domain.presence import Meta, Roster
from ringline.ports import Clock
from ringline.wire.presence import DIFF, STATE, encode_diff, encode_entry, encode_state

_log = structlog.get_logger(__name__)

WINDOW_S = socket_limits.PRESENCE_WINDOW_MS.most / 1000


class PresencePush:
    """An event and its payload, and the frames that listeners have made of it, by their kind."""

    __slots__ = ("_frames", "event", "payload")

    def __init__(self, event: str, payload: bytes) -> None:
        self.event = event
        self.payload = payload
        self._frames: dict[object, bytes] = {}

    def framed(self, kind: object, make: Callable[[], bytes]) -> bytes:
        """Return the frame of a kind, made once."""
        frame = self._frames.get(kind)
        if frame is None:
            frame = self._frames[kind] = make()
        return frame


class Listener(Protocol):
    """A socket that is told who is present."""

    def presence_changed(self, push: PresencePush) -> None:
        """Take a difference."""
        ...


@dataclass(frozen=True, slots=True)
class _Listed:
    """How a listener is listed."""

    key: str
    meta: Meta


class _Room:
    """One log: its list, its listeners, and the encoded list."""

    __slots__ = ("entries", "flushing", "listeners", "roster", "state")

    def __init__(self, most: int) -> None:
        self.roster = Roster(most)
        #: None for one that is not listed.
        self.listeners: dict[Listener, _Listed | None] = {}
        self.entries: dict[str, bytes] = {}
        self.state: PresencePush | None = None
        self.flushing: asyncio.TimerHandle | None = None

    def changed(self, key: str) -> None:
        """Encode a key anew."""
        self.state = None
        metas = self.roster.metas_of(key)
        if metas:
            self.entries[key] = encode_entry(key, metas)
        else:
            self.entries.pop(key, None)


class Presence:
    """Who is present in each log, as far as this process knows.

    `new_ref` makes references that no other process makes.
    """

    def __init__(
        self,
        now: Clock,
        new_ref: Callable[[], str],
        *,
        most: int = socket_limits.PRESENT.most,
        window_s: float = WINDOW_S,
    ) -> None:
        self._now = now
        self._new_ref = new_ref
        self._most = most
        self._window_s = window_s
        self._rooms: dict[Scope, _Room] = {}

    def enter(self, scope: Scope, listener: Listener, *, key: str | None) -> None:
        """Begin to tell a listener, and list it under its key, if it has one."""
        room = self._rooms.setdefault(scope, _Room(self._most))
        listed = None
        if key is not None:
            meta = Meta(self._new_ref(), self._now())
            if room.roster.join(key, meta):
                listed = _Listed(key, meta)
                self._note(room, key)
        room.listeners[listener] = listed

    def leave(self, scope: Scope, listener: Listener) -> None:
        """Stop telling a listener that entered, and take it off the list."""
        room = self._rooms[scope]
        listed = room.listeners.pop(listener)
        if not room.listeners:
            if room.flushing is not None:
                room.flushing.cancel()
            del self._rooms[scope]
        elif listed is not None:
            room.roster.leave(listed.key, listed.meta)
            self._note(room, listed.key)

    def state(self, scope: Scope) -> PresencePush:
        """Return the list of a log, for a listener that has entered."""
        room = self._rooms[scope]
        room.roster.show()
        if room.state is None:
            room.state = PresencePush(STATE, encode_state(room.entries.values()))
        return room.state

    def _note(self, room: _Room, key: str) -> None:
        room.changed(key)
        if room.flushing is None:
            loop = asyncio.get_running_loop()
            room.flushing = loop.call_later(self._window_s, self._flush, room)

    def _flush(self, room: _Room) -> None:
        """Tell all listeners what has changed in the window."""
        room.flushing = None
        changes = room.roster.take_changes()
        if changes is None:
            return
        push = PresencePush(DIFF, encode_diff(changes))
        for listener in list(room.listeners):
            try:
                listener.presence_changed(push)
            except Exception as error:  # one defect must not keep the others from being told
                _log.error("presence_failed", error=type(error).__name__)
