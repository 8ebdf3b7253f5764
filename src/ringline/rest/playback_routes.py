"""The rows of what a browser plays: playback tokens, and recordings (live streams, 1.3, 6.3.6)."""

from ringline.domain.members import Member, Shape
from ringline.rest import playback_actions as act
from ringline.rest.call_record_routes import CALL, CALL_ID, TAG
from ringline.rest.route import Input, Route
from ringline.rpc.kinds import Text
from ringline.wire.session_token import MAX_TOKEN_BYTES, PLAYBACK_TTL_S

#: The media type of a recording.
WAV = "audio/wav"

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/auth/session",
        "createPlaybackToken",
        "Tokens",
        "Mint a token that plays recordings in a browser",
        act.create_token,
        "The token",
        "The key is in the body; a credential in the headers is ignored. The token opens the "
        f"recordings of the key's environment and nothing else, for {PLAYBACK_TTL_S // 60} minutes "
        'or until its key is revoked: `<audio src="…/recording?token=…">`.',
        body=(
            Input(Member("api_key", Shape.TEXT, "a secret key"), Text(max_length=MAX_TOKEN_BYTES)),
        ),
        answers=(
            Member("token", Shape.TEXT, "the token, for as many uses as you like"),
            Member("expires_at", Shape.TIME, "until when it can be used"),
        ),
        key_in="api_key",
        mints=True,
    ),
    Route(
        "GET",
        f"{CALL}/recording",
        "getCallRecording",
        TAG,
        "Get a call's recording",
        act.get_recording,
        "The recording: a WAV file, the caller on the left, on the right what they heard",
        "404 while the call runs, if it was not recorded, and after 30 days, or the workspace's "
        "`retention_days` if they are fewer. A playback token is accepted too.",
        ids=(CALL_ID,),
        file=WAV,
    ),
)
