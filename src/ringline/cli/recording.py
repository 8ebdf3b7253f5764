"""`ringline recording`: a call's recording as a WAV file, beside the server."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from ringline.app import (
    DATABASE_PROBLEMS,
    CallFound,
    StoredRecording,
    find_recorded_call,
    open_recording,
)
from ringline.cli.files import write_private_pieces
from ringline.cli.options import DataDir
from ringline.cli.outcome import fail, run
from ringline.cli.terminal import say, write_bytes
from ringline.config import Settings
from ringline.domain.ids import Prefix, format_id, parse_id

_STDOUT = Path("-")


def recording(
    call_id: Annotated[str, Parameter(help="The call's id, as `call_…` or a UUID.")],
    *,
    output: Annotated[
        Path,
        Parameter(
            name=("--output", "-o"),
            allow_leading_hyphen=True,
            help="Where to write the WAV file; `-` is stdout.",
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Write a call's recording to a WAV file: stereo, caller left, agent right, as heard.

    It works beside a running server, on the machine and as the account that the server runs
    on. Of a call under way, it is what has been recorded so far.
    """
    settings = Settings.read(data_dir=data_dir)
    wanted = parse_id(Prefix.CALL, call_id)
    if wanted is None:
        fail(f"{call_id} is not the id of a call: use a UUID or an id that begins with call_.")
    found = open_recording(settings, wanted)
    if found is None:
        call = run(find_recorded_call(settings, wanted), *DATABASE_PROBLEMS)
        fail(explain(wanted, call, data_dir=settings.data_dir))
    with found:
        if not found.complete:
            say(f"{format_id(Prefix.CALL, wanted)} is under way: this is its recording so far.")
        _write(found, output)


def _write(found: StoredRecording, output: Path) -> None:
    if output == _STDOUT:
        write_bytes(found.pieces())
    else:
        write_private_pieces(output, found.pieces())


def explain(call_id: UUID, call: CallFound | None, *, data_dir: Path) -> str:
    """Return the sentence that says why a call has no recording."""
    shown = format_id(Prefix.CALL, call_id)
    if call is None:
        return f"There is no call {shown}."
    if not call.ended:
        return f"{shown} is under way, and nothing has been recorded so far."
    if not call.answered:
        return f"{shown} was never answered, so there is no recording."
    return (
        f"There is no recording of {shown} in {data_dir}: it was not recorded, or the recording "
        "has been removed."
    )
