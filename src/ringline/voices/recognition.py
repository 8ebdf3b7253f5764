"""Recognition of the phrases that an agent understands.

A grammar finds one of its phrases in any audio, so a hypothesis counts only if it is a whole
phrase with a good score: the path's score divided by its frames of words. Words that are not
in the grammar are either matched badly or absorbed by its silences, and both lower the score.
Measured on espeak-ng's speech in three voices at three speeds: all 216 phrases were found,
with scores of at least -52. Of 441 other sentences nine in ten result in no whole phrase, and
the rest score -60 or less, except for those that begin like a phrase ("i would like to buy a
car"), which reach -43. A test lists these classes.
"""

import msgspec
import structlog

from ringline.voices.dialogue import Script
from ringline.voices.workers import PoolBusy, WorkerLost, WorkerPool, WorkFailed

_log = structlog.get_logger()

MODULE = "ringline.voices.recognizer_worker"

#: The lowest score of a phrase: steps of PocketSphinx's log base (1.0001) per frame of words.
LEAST_SCORE = -56.0

#: The lowest score of words that may still change.
LEAST_PARTIAL_SCORE = -80.0

#: The lowest score of dictated words: noise scores -300 and less, speech -140 and more.
LEAST_DICTATED_SCORE = -200.0


class Utterance(msgspec.Struct, frozen=True, array_like=True):
    """A request: 16 kHz PCM16, and the phrases that it may contain, or any words.

    Any words are found with the language model that PocketSphinx brings along.
    """

    pcm: bytes
    phrases: tuple[str, ...] = ()
    dictation: bool = False


class Hypothesis(msgspec.Struct, frozen=True, array_like=True):
    """An answer: the best words, their score, and how many phrases are unusable."""

    text: str
    score: float
    ignored: int


def grammar_of(script: Script) -> tuple[str, ...]:
    """Return the distinct phrases to listen for, as words."""
    return tuple(phrase for phrase in script.intents if phrase)


class Recognition:
    """Recognises utterances in a pool of processes."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    async def prepare(self, phrases: tuple[str, ...]) -> None:
        """Load the model and a grammar, so that the first utterance need not wait."""
        hypothesis = await self._ask(Utterance(b"", phrases))
        if hypothesis is not None and hypothesis.ignored:
            # A word that is not in the dictionary cannot be recognised, only typed.
            _log.warning("voice_phrases_ignored", count=hypothesis.ignored)

    async def final(self, pcm: bytes, phrases: tuple[str, ...]) -> str:
        """Return the phrase that was said, or an empty text."""
        hypothesis = await self._ask(Utterance(pcm, phrases))
        if hypothesis is None or hypothesis.score < LEAST_SCORE:
            return ""
        return hypothesis.text if hypothesis.text in phrases else ""

    async def partial(self, pcm: bytes, phrases: tuple[str, ...]) -> str:
        """Return the words so far, or an empty text; yield to other requests."""
        if not self._pool.idle:
            return ""
        hypothesis = await self._ask(Utterance(pcm, phrases), tries=1)
        if hypothesis is None or hypothesis.score < LEAST_PARTIAL_SCORE:
            return ""
        return hypothesis.text

    async def dictation(self, pcm: bytes) -> str:
        """Return the words that were most likely said, or an empty text.

        A small model of English guesses: of a clear sentence it misses about every third word.
        """
        hypothesis = await self._ask(Utterance(pcm, dictation=True))
        if hypothesis is None or hypothesis.score < LEAST_DICTATED_SCORE:
            return ""
        return hypothesis.text

    async def _ask(self, utterance: Utterance, tries: int = 2) -> Hypothesis | None:
        body = msgspec.msgpack.encode(utterance)
        for _ in range(tries):
            try:
                answer = b"".join([part async for part in self._pool.ask(body)])
                return msgspec.msgpack.decode(answer, type=Hypothesis)
            except WorkerLost:
                continue  # the pool starts another worker
            except (PoolBusy, WorkFailed) as error:
                _log.warning("voice_not_recognized", error=type(error).__name__)
                return None
        _log.warning("voice_not_recognized", error="WorkerLost")
        return None
