"""The worker that recognises speech: PocketSphinx, with a grammar of phrases.

`recognition.py` runs this module; no other process loads the acoustic model (104 MB).
The cepstral mean is computed per utterance (`cmn=batch`), not carried over from the previous
one, so that a result does not depend on who spoke before.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator

import msgspec
import numpy as np
from pocketsphinx import Decoder, NGramModel, get_model_path

from ringline.voices.pipe import answer_requests
from ringline.voices.recognition import Hypothesis, Utterance

#: Noise floor that is added to every utterance (standard deviation, of 32,768): the model was
#: not trained on digital silence, with which it misses a third of the phrases.
NOISE = 10.0

#: How many compiled grammars are cached; the least recently used is evicted.
GRAMMARS = 32

_DICTATION = "dictation"


class Recognizer:
    """A decoder and its compiled grammars."""

    def __init__(self) -> None:
        self._decoder = Decoder(lm=None, cmn="batch", loglevel="FATAL")
        self._grammars: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()
        self._grammar_count = 0
        self._dictates = False

    def work(self, body: bytes) -> Iterator[bytes]:
        """Decode an utterance; a request without audio only loads the grammar."""
        utterance = msgspec.msgpack.decode(body, type=Utterance)
        if utterance.dictation:
            name, ignored = self._language_model(), 0
        else:
            name, ignored = self._grammar(utterance.phrases)
        text, score = "", -math.inf
        if name and utterance.pcm:
            text, score = self._decode(name, utterance.pcm)
        yield msgspec.msgpack.encode(Hypothesis(text=text, score=score, ignored=ignored))

    def rehearse(self) -> None:
        """Decode a moment of silence; the model is in memory, so this needs no file."""
        silence = msgspec.msgpack.encode(Utterance(bytes(3200), ("yes",)))
        for _ in self.work(silence):
            pass

    def _grammar(self, phrases: tuple[str, ...]) -> tuple[str, int]:
        """Return a grammar's name (empty if unusable) and how many phrases it ignores."""
        if phrases in self._grammars:
            self._grammars.move_to_end(phrases)
            return self._grammars[phrases]
        known = [phrase for phrase in phrases if self._knows(phrase)]
        name = ""
        if known:
            self._grammar_count += 1
            name = f"grammar{self._grammar_count}"
            alternatives = " | ".join(known)
            self._decoder.add_jsgf_string(
                name, f"#JSGF V1.0;\ngrammar {name};\npublic <phrase> = {alternatives} ;\n"
            )
        self._grammars[phrases] = name, len(phrases) - len(known)
        if len(self._grammars) > GRAMMARS:
            _, (oldest, _) = self._grammars.popitem(last=False)
            if oldest:
                self._decoder.remove_search(oldest)
        return self._grammars[phrases]

    def _language_model(self) -> str:
        """Return the name of the search for any words, which takes 70 MB from its first use on."""
        if not self._dictates:
            path = get_model_path("en-us/en-us.lm.bin")
            model = NGramModel(self._decoder.config, self._decoder.logmath, path)
            self._decoder.add_lm(_DICTATION, model)
            self._dictates = True
        return _DICTATION

    def _knows(self, phrase: str) -> bool:
        words = phrase.split()
        return bool(words) and all(self._decoder.lookup_word(word) for word in words)

    def _decode(self, name: str, pcm: bytes) -> tuple[str, float]:
        decoder = self._decoder
        decoder.activate_search(name)
        decoder.start_utt()
        decoder.process_raw(_with_noise(pcm), full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        if best is None or best.score <= 0:
            return "", -math.inf
        frames = sum(
            segment.end_frame - segment.start_frame + 1
            for segment in decoder.seg()
            if segment.word[0] not in "<[("
        )
        # The decoder reports e^(ln 1.0001 x steps); we want steps per frame of words.
        return best.hypstr, math.log(best.score) * 1e4 / max(frames, 1)


def _with_noise(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, np.int16)
    noise = np.random.default_rng(0).normal(0.0, NOISE, len(samples))  # the same every time
    return (samples + noise).clip(-32_768, 32_767).astype(np.int16).tobytes()


if __name__ == "__main__":
    recognizer = Recognizer()
    answer_requests(recognizer.work, recognizer.rehearse)
