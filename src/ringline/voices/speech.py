"""The local voice's speech: sentences in, chunks of 16 kHz PCM16 out.

Synthesis runs at about a thousandth of real time, in a process of its own (see
`espeak_worker.py` for why). A worker that dies in the middle of a sentence is replaced
and the sentence goes on where it had stopped: the same text gives the same audio, but for
a few milliseconds.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from ringline.domain.audio import Chunk, bytes_of_ms
from ringline.voices.endpointing import RATE_HZ
from ringline.voices.workers import WorkerLost, WorkerPool

MODULE = "ringline.voices.espeak_worker"

CHUNK_BYTES = bytes_of_ms(100, RATE_HZ)

#: The voices that are offered, and the files in which espeak-ng keeps them.
VOICE_FILES = {
    "en-us": "en-us",
    "en-gb": "en",
    "en-gb-x-rp": "en-gb-x-rp",
    "en-gb-scotland": "en-gb-scotland",
    "en-029": "en-029",
}
DEFAULT_VOICE = "en-us"

WORDS_PER_MINUTE = 165


class Sentence(msgspec.Struct, frozen=True, array_like=True):
    """A request: what is said, in which voice, how fast."""

    text: str
    voice: str = DEFAULT_VOICE
    words_per_minute: int = WORDS_PER_MINUTE


class Speech:
    """Speaks sentences in a pool of processes."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """Start the process, so that the first sentence need not wait."""
        async for _ in self.speak(Sentence("ready")):
            pass

    async def speak(self, sentence: Sentence) -> AsyncGenerator[Chunk]:
        """Yield chunks of 100 ms, the last one shorter.

        Raises WorkerLost if the worker dies twice, WorkFailed and PoolBusy.
        """
        body = msgspec.msgpack.encode(sentence)
        passed_on = 0
        for last_try in (False, True):
            received, waiting = 0, b""
            try:
                async with aclosing(self._pool.ask(body)) as parts:
                    async for part in parts:
                        waiting += part[max(passed_on - received, 0) :]
                        received += len(part)
                        while len(waiting) >= CHUNK_BYTES:
                            chunk, waiting = Chunk(waiting[:CHUNK_BYTES]), waiting[CHUNK_BYTES:]
                            passed_on += CHUNK_BYTES
                            yield chunk
            except WorkerLost:
                if last_try:
                    raise
                continue
            if waiting:
                yield Chunk(waiting)
            return
