"""When a voice was given the speech of the caller's turn, by the event loop's clock.

A voice reports how long ago speech began and ended (`SpeechStarted`, `SpeechStopped`), since
it detects both only later. Times are those at which audio came, so a client that sends it
faster than real time does not distort them.
"""

import asyncio


class SpeechTimes:
    """The first and the last audio with speech of the open turn."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began_at: float | None = None
        self._ended_at = 0.0

    def spoke(self, earlier_ms: float = 0.0) -> None:
        """Note that speech has just come; the turn's first may have come a little earlier."""
        self._ended_at = self._loop.time()
        if self._began_at is None:
            self._began_at = self._ended_at - earlier_ms / 1000

    def clear(self) -> None:
        """Forget the turn: it is over."""
        self._began_at = None

    @property
    def began_ago_ms(self) -> float:
        """Return how long ago the turn's speech began; 0 if it holds none."""
        return self._ago_ms(self._began_at)

    @property
    def ended_ago_ms(self) -> float:
        """Return how long ago the last speech came; 0 if the turn holds none."""
        return self._ago_ms(None if self._began_at is None else self._ended_at)

    def _ago_ms(self, at: float | None) -> float:
        return 0.0 if at is None else (self._loop.time() - at) * 1000
