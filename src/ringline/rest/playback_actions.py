"""What the routes do that browsers play from: mint a token, give out a recording.

Live streams, 1.3 and 6.3.6.
"""

from collections.abc import Mapping
from uuid import UUID

from ringline.domain.ids import Prefix, format_id
from ringline.rest.route import FileAnswer, Refused, Request
from ringline.services.recording_downloads import (
    NoRecording,
    OpenRecording,
    RecordingUnreadable,
)
from ringline.wire.times import seconds


async def create_token(request: Request) -> Mapping[str, object]:
    """Mint a playback token for the caller's key."""
    token, expires_at = request.services.house.playback.mint(
        request.caller.scope, request.caller.key_id
    )
    return {"token": token, "expires_at": seconds(expires_at)}


async def get_recording(request: Request) -> FileAnswer:
    """Open a call's recording."""
    call_id = request.ids["call_id"]
    try:
        recording = await request.services.recordings.open(request.caller.scope, call_id)
    except NoRecording:
        raise Refused("NOT_FOUND") from None
    except RecordingUnreadable:
        raise Refused("INTERNAL") from None
    return recording_file(recording, call_id)


def recording_file(recording: OpenRecording, call_id: UUID) -> FileAnswer:
    """Return an open recording as a file to send."""
    size, shown = recording.file_size, format_id(Prefix.CALL, call_id)
    return FileAnswer(
        name=f"{shown}.wav",
        size=size,
        etag=f'"{shown}-{size}"',  # a recording that is complete never changes
        read=recording.read,
        close=recording.close,
    )
