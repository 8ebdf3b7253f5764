"""The local voice's speech: sentences in, chunks of 16 kHz PCM16 out.

Synthesis takes about a thousandth of real time, in a separate process (see
`espeak_worker.py` for why). A worker that dies in the middle of a sentence is replaced, and
the sentence continues where it stopped: the same text yields the same audio, within a few
milliseconds.
"""

from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

import msgspec

from ringline.domain.audio import Chunk, bytes_of_ms
from ringline.voices.endpointing import RATE_HZ
from ringline.voices.workers import WorkerLost, WorkerPool

MODULE = "ringline.voices.espeak_worker"

CHUNK_BYTES = bytes_of_ms(100, RATE_HZ)
#: The least speech that a piece of text covers: about the playout lead.
PIECE_BYTES = bytes_of_ms(400, RATE_HZ)

#: The voices on offer, and espeak-ng's files for them.
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
    """A request: the text, the voice and the speed."""

    text: str
    voice: str = DEFAULT_VOICE
    words_per_minute: int = WORDS_PER_MINUTE


class Word(msgspec.Struct, frozen=True, array_like=True):
    """The start of a word: in the text, in characters, and in the speech, in ms."""

    at: int
    at_ms: int


class SpeechPiece(msgspec.Struct, frozen=True):
    """A chunk of speech and the text that starts in it; texts make up the sentence."""

    chunk: Chunk
    text: str = ""


_WORDS = msgspec.msgpack.Decoder(list[Word])


class Speech:
    """Speaks sentences in a pool of processes."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """Start the process, so that the first sentence need not wait."""
        async for _ in self.speak(Sentence("ready")):
            pass

    async def speak(self, sentence: Sentence) -> AsyncGenerator[SpeechPiece]:
        """Yield chunks of 100 ms, the last one shorter, each with its text.

        Raises WorkerLost if the worker dies twice, WorkFailed and PoolBusy.
        """
        body = msgspec.msgpack.encode(sentence)
        passed_on, texts = 0, deque[tuple[int, str]]()
        for last_try in (False, True):
            received, waiting = 0, b""
            try:
                async with aclosing(self._pool.ask(body)) as parts:
                    words = _WORDS.decode(await anext(parts))
                    if not passed_on:
                        texts = deque(_split_at_words(sentence.text, words))
                    async for part in parts:
                        waiting += part[max(passed_on - received, 0) :]
                        received += len(part)
                        while len(waiting) >= CHUNK_BYTES:
                            chunk = Chunk(waiting[:CHUNK_BYTES], RATE_HZ)
                            waiting = waiting[CHUNK_BYTES:]
                            passed_on += CHUNK_BYTES
                            yield SpeechPiece(chunk, _take_begun(texts, passed_on))
            except WorkerLost:
                if last_try:
                    raise
                continue
            rest = "".join(text for _, text in texts)
            if waiting or rest:
                yield SpeechPiece(Chunk(waiting, RATE_HZ), rest)
            return


def _split_at_words(text: str, words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    """Split a text between words into pieces that are not too short.

    Yields each piece with the offset of its speech, in bytes.
    """
    at, at_bytes = 0, 0
    for word in words:
        word_bytes = bytes_of_ms(word.at_ms, RATE_HZ)
        if word.at > at and word_bytes - at_bytes >= PIECE_BYTES:
            yield at_bytes, text[at : word.at]
            at, at_bytes = word.at, word_bytes
    yield at_bytes, text[at:]


def _take_begun(texts: deque[tuple[int, str]], end: int) -> str:
    """Remove and return the text whose speech begins before `end`, in bytes."""
    begun = ""
    while texts and texts[0][0] < end:
        begun += texts.popleft()[1]
    return begun
