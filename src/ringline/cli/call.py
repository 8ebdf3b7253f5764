"""`ringline call`: place a call over the public API and play a recording."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from ringline.cli.files import refuse_unwritable, write_private
from ringline.cli.leash import LeashOptions
from ringline.cli.lines import describe_note
from ringline.cli.options import ApiKey, DataDir, Json, Target, Url, find_target
from ringline.cli.outcome import fail, reporting, run
from ringline.cli.terminal import say, show, show_json, visible
from ringline.client.conversation import Note, Turn
from ringline.client.http import ApiProblem, open_api
from ringline.client.realtime import CallProblem, CallReport, place_call
from ringline.client.sound import SoundProblem, load_sound
from ringline.domain.origins import is_origin
from ringline.wire.wav import Wav, write_wav

#: Errors of a call; their texts are sentences for the user.
CALL_PROBLEMS = (ApiProblem, CallProblem, SoundProblem)

#: How many of an agent's phrases are listed if none was understood.
MOST_PHRASES = 20

#: The model that answers in a workspace without agents.
LOCAL_MODEL = "local/attendant"

#: No option that leashes the call was given.
UNLEASHED = LeashOptions()


def call(
    *,
    wav: Annotated[
        Path,
        Parameter(
            name="--wav",
            help="The caller's speech: WAV, FLAC, OGG, MP3, …, at any rate, at most ten minutes. "
            "If there are several channels, the first is played.",
        ),
    ],
    agent: Annotated[
        str | None,
        Parameter(
            name="--agent",
            help="The agent's id. [default: the workspace's oldest enabled agent]",
        ),
    ] = None,
    model: Annotated[
        str | None,
        Parameter(
            name="--model",
            help="A model, instead of an agent. [default: local/attendant if there is no agent]",
        ),
    ] = None,
    recording: Annotated[
        Path | None,
        Parameter(
            name="--recording",
            help="Where to write the recording: stereo, caller left, agent right, as played. "
            "[default: call-ID.wav, here] Only its owner may read it.",
        ),
    ] = None,
    origin: Annotated[
        str | None,
        Parameter(
            name="--origin", help="Call as a page of this origin does; without it, from none."
        ),
    ] = None,
    leash: LeashOptions = UNLEASHED,
    json: Json = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Place a call and play a recording to the agent, in real time.

    It waits for the greeting, plays the file, then stays silent until the last answer is over.
    Exits with 1 if none of the caller's words were understood and answered; it then lists what
    the agent understands.
    """
    if agent is not None and model is not None:
        fail("A call is answered by an agent or by a model: give --agent or --model.")
    if origin is not None and not is_origin(origin):
        fail("--origin is none: write it as browsers do, such as https://app.example.com.")
    bounds = leash.members()
    with reporting(*CALL_PROBLEMS):
        sound = load_sound(wav)
    refuse_unwritable(recording or name_recording("ID"))
    target = find_target(url, key, data_dir=data_dir)
    report, understood = run(
        _call(target, sound, agent=agent, model=model, leash=bounds, origin=origin, quiet=json),
        *CALL_PROBLEMS,
    )
    path = recording or name_recording(report.started.session_id)
    write_private(path, write_wav(report.recording))
    if json:
        show_json(describe_report(report, path))
    else:
        say(f"Recording: {path}")
    if lack := lack_of(report):
        for line in understood:
            say(line)
        fail(lack)


def lack_of(report: CallReport) -> str | None:
    """Say what went wrong with a call, whatever its caller said; None if nothing."""
    if report.lost:
        return "The connection was lost during the call."
    if not report.understood:
        return "None of the caller's words were understood and answered."
    return None


def name_recording(session_id: str) -> Path:
    """Name a call's file in this directory; do not trust the id, the server chose it."""
    name = session_id.removeprefix("sess_")
    plain = "".join(
        character if character.isascii() and character.isalnum() else "_" for character in name[:64]
    )
    return Path(f"call-{plain}.wav")


async def _call(
    target: Target,
    sound: Wav,
    *,
    agent: str | None,
    model: str | None,
    leash: Mapping[str, object],
    origin: str | None,
    quiet: bool,
) -> tuple[CallReport, Sequence[str]]:
    """Place the call; if nothing was understood, list what would have been."""

    def tell(note: Note) -> None:
        line = describe_note(note)
        if line is not None and not quiet:
            show(line)

    async with open_api(target.url, target.key) as api:
        if agent is None and model is None:
            first = next((found for found in await api.list_agents() if found.enabled), None)
            agent, model = (None, LOCAL_MODEL) if first is None else (str(first.id), None)
            if first is not None and not quiet:
                say(f"Calling {first.name}.")
        report = await place_call(
            api, sound, tell=tell, agent_id=agent, model=model, leash=leash, origin=origin
        )
        understood: Sequence[str] = ()
        if agent is not None and not report.lost and not report.understood:
            with suppress(ApiProblem):  # the call itself went well
                understood = list_phrases(await api.phrases_of(agent))
        return report, understood


def list_phrases(phrases: Sequence[str]) -> Sequence[str]:
    """Return lines that list what an agent understands; none if that is unknown."""
    if not phrases:
        return ()
    more = len(phrases) - MOST_PHRASES
    rest = (f"  … and {more} more",) if more > 0 else ()
    shown = (f"  {visible(phrase)}" for phrase in phrases[:MOST_PHRASES])
    return ("The agent understands:", *shown, *rest)


def describe_report(report: CallReport, recording: Path) -> dict[str, object]:
    """Return a finished call as JSON for programs; times are in milliseconds."""
    return {
        "session_id": report.started.session_id,
        "call_id": report.started.call_id,
        "call_uuid": report.started.call_uuid,
        "understood": report.understood,
        "ended_by_server": report.ended_by_server,
        "recording": str(recording),
        "turns": [_describe_turn(turn) for turn in report.turns],
    }


def _describe_turn(turn: Turn) -> dict[str, object]:
    return {
        "heard": turn.heard,
        "answer": turn.answer.strip(),
        "latency_ms": None if turn.latency_ms is None else round(turn.latency_ms),
        "latency": None if turn.ledger is None else msgspec.to_builtins(turn.ledger),
        "interrupted_after_ms": (
            None if turn.interrupted_after_ms is None else round(turn.interrupted_after_ms)
        ),
        "cut_ms": round(turn.cut_ms),
    }
