"""The recording of a call: stereo, caller left, agent right, as really played."""

from ringline.client.sound import resample
from ringline.wire.wav import Wav, interleave


def make_recording(
    said: bytes, said_hz: int, *, heard: bytes, heard_hz: int, began_ms: float = 0.0
) -> Wav:
    """Align both sides of a call on one clock, at the rate of the agent's side.

    `said` is what the caller's microphone sent from `began_ms` on, `heard` what the
    loudspeaker played from the start; both are PCM16 mono.
    """
    offset = bytes(2 * round(began_ms * heard_hz / 1000))
    left = offset + resample(said, said_hz, to_hz=heard_hz)
    return Wav(heard_hz, 2, interleave(left, heard))
