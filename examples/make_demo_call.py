"""Make `demo-call.wav`: the caller's side of the demo's call, as real speech.

Four turns in espeak-ng's British voice (the agent's is American), with pauses for the
answers of the agent `Attendant`. The third turn interrupts the answer to the second. The
file is meant to be played from the end of the greeting on; answers may come half a second
early or late. 16 kHz, mono, PCM16.

    make setup
    .venv/bin/python examples/make_demo_call.py [FILE]
"""

import sys
import wave
from pathlib import Path

from ringline.voices.endpointing import RATE_HZ
from ringline.voices.espeak_worker import Espeak
from ringline.voices.speech import Sentence

#: What is said, and the seconds of quiet before it.
TURNS = (
    (0.5, "What are your opening hours?"),
    (6.3, "I would like to book a table."),
    (3.0, "Can I speak to a person?"),  # half a second to be heard, then 2.5 s of the answer
    (5.7, "Thank you, goodbye."),
)
QUIET_AT_THE_END = 1.0

VOICE = "en-gb"
WORDS_PER_MINUTE = 160


def quiet(seconds: float) -> bytes:
    """Return silence."""
    return bytes(2 * round(seconds * RATE_HZ))


def make() -> bytes:
    """Return the call as PCM16."""
    espeak = Espeak()
    call = b""
    for pause, text in TURNS:
        call += quiet(pause) + b"".join(espeak.speak(Sentence(text, VOICE, WORDS_PER_MINUTE)))
    return call + quiet(QUIET_AT_THE_END)


def main() -> None:
    """Write the file."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("demo-call.wav")
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(make())


if __name__ == "__main__":
    main()
