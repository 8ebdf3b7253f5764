"""What a conversation with a test voice uses: tokens, of what went in and out. Pure."""

from dataclasses import dataclass

from ringline.domain.voice import Usage

HEARD_PER_S = 10
SPOKEN_PER_S = 20
CHARACTERS_PER_TOKEN = 4

#: The price of a million tokens, of any kind.
USD_PER_MILLION = 10.0


def text_tokens(characters: int) -> int:
    """Return the tokens of a text: one for each four characters begun."""
    return -(-characters // CHARACTERS_PER_TOKEN)


@dataclass(slots=True)
class Meter:
    """Counts what a voice uses until it reports it."""

    heard_ms: int = 0
    read_tokens: int = 0
    said_characters: int = 0
    spoken_samples: int = 0

    def read(self, text: str) -> None:
        """Count a text of the caller or of a tool."""
        self.read_tokens += text_tokens(len(text))

    def take(self, output_hz: int) -> Usage:
        """Return what was used since the last time; a token that has begun counts whole."""
        usage = Usage(
            audio_in_tokens=-(-self.heard_ms * HEARD_PER_S // 1_000),
            audio_out_tokens=-(-self.spoken_samples * SPOKEN_PER_S // output_hz),
            text_in_tokens=self.read_tokens,
            text_out_tokens=text_tokens(self.said_characters),
        )
        self.heard_ms = self.read_tokens = self.said_characters = self.spoken_samples = 0
        return usage
