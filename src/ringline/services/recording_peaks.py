"""The peaks of a recording, worked out from its file, away from the event loop.

It goes piece by piece in a thread, and few recordings are worked on at once, so that neither
calls nor other requests notice. Between the pieces the caller's `pace` decides when to go on.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ringline.domain import console_limits
from ringline.domain.recording import RATE_HZ
from ringline.services.recording_downloads import OpenRecording, RecordingUnreadable
from ringline.wire.peaks import peaks_of, window_bytes
from ringline.wire.wav import HEADER_BYTES

_CHANNELS = 2  # the caller, the agent
#: Four seconds of sound: a few milliseconds of work.
_PIECE_BYTES = 80 * window_bytes(RATE_HZ, _CHANNELS)


class RecordingPeaks:
    """Works out peaks."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(console_limits.PEAKS_AT_ONCE.most)

    async def of(self, recording: OpenRecording, pace: Callable[[int], Awaitable[None]]) -> bytes:
        """Return the peaks of a recording; `pace` is called with the bytes of each piece.

        Raises RecordingUnreadable, and what `pace` raises.
        """
        found = bytearray()
        async with self._places:
            for at in range(HEADER_BYTES, recording.file_size, _PIECE_BYTES):
                size = min(_PIECE_BYTES, recording.file_size - at)
                await pace(size)
                found += await asyncio.to_thread(_piece, recording, at, size=size)
        return bytes(found)


def _piece(recording: OpenRecording, at: int, *, size: int) -> bytes:
    pcm = bytearray()
    try:
        while len(pcm) < size and (read := recording.read(at + len(pcm), size - len(pcm))):
            pcm += read
    except OSError:
        raise RecordingUnreadable from None
    if len(pcm) < size:
        raise RecordingUnreadable
    return peaks_of(bytes(pcm), rate_hz=RATE_HZ, channels=_CHANNELS)
