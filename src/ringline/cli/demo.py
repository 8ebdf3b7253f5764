"""`make demo`: a server, a call with real speech, and three ways of watching it.

It only uses the public API: the caller connects with a ticket, the panels show what the
events socket and the transcript stream send.
"""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from ringline.cli.call import CALL_PROBLEMS, lack_of
from ringline.cli.demo_console import console_beside
from ringline.cli.demo_screen import Screen, open_screen
from ringline.cli.demo_server import DemoServer, default_data_dir, demo_server
from ringline.cli.files import KeyRing, refuse_unwritable, write_private
from ringline.cli.installation import REPOSITORY, program
from ringline.cli.options import KEY_VARIABLE, URL_VARIABLE
from ringline.cli.outcome import DONE, INTERRUPTED, fail, reporting, run
from ringline.cli.terminal import open_console, visible
from ringline.client.conversation import Note, Started, Turn
from ringline.client.events import Away, Joined, SocketEvent, follow_events
from ringline.client.http import Api, ApiProblem, open_api
from ringline.client.realtime import CallReport, place_call
from ringline.client.sound import load_sound
from ringline.client.transcript import follow_transcript
from ringline.services.process import stop_signals
from ringline.wire.wav import Wav, write_wav

#: The words spoken in the repository's recording; see `examples/make_demo_call.py`.
SPOKEN = (
    "what are your opening hours",
    "i would like to book a table",
    "can i speak to a person",
    "thank you goodbye",
)

_DEMO_CALL = REPOSITORY / "examples" / "demo-call.wav"
_LAST_EVENTS_S = 5.0
_TYPED_BYTES = 1024
_NOT_A_WORD = re.compile(r"[^\w']+")


def demo(
    *,
    wav: Annotated[
        Path | None,
        Parameter(name="--wav", help="The caller's speech. [default: examples/demo-call.wav]"),
    ] = None,
    once: Annotated[
        bool, Parameter(name="--once", negative="", help="Exit after the call.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        Parameter(name="--data-dir", help="The demo's data directory. [default: .demo]"),
    ] = None,
    port: Annotated[
        int, Parameter(name="--port", help="The server's port; another one if it is taken.")
    ] = 7400,
) -> int:
    """Start a server, place a call with real speech, and watch it live.

    With --once, exits with 0 only if the caller's words were recognised and the agent
    answered.
    """
    path = wav or _DEMO_CALL
    if wav is None and not path.is_file():
        fail("The demo's recording is only in the repository; pass your own with --wav.")
    with reporting(*CALL_PROBLEMS):
        sound = load_sound(path)
    expected = SPOKEN if wav is None else ()
    place = data_dir.resolve() if data_dir is not None else default_data_dir()
    work = _demo(path, sound, expected=expected, data_dir=place, port=port, once=once)
    return run(_until_stopped(work), *CALL_PROBLEMS)


async def _until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """Run the demo; a signal stops it cleanly, without failure after the call."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


async def _demo(
    path: Path, sound: Wav, *, expected: Sequence[str], data_dir: Path, port: int, once: bool
) -> int:
    console = open_console()
    recording = data_dir / "call.wav"
    async with (
        demo_server(data_dir, port) as server,
        console_beside(data_dir / "console.log", wanted=not once) as console_build,
    ):
        refuse_unwritable(recording)
        screen = open_screen(console)
        try:
            first = not (data_dir / "postgres").is_dir()
            made = " and its database, which takes a moment the first time" if first else ""
            screen.status(f"Starting the server{made} …")
            ring = await server.ready()
            report = await _watched_call(ring, sound, screen=screen, server=server)
        finally:
            screen.close()
        write_private(recording, write_wav(report.recording))
        problem = judge(report, expected)
        _summarise(console, report, recording=recording)
        if problem is not None and once:
            fail(problem)
        if once:
            return DONE
        if problem is not None:
            console.print(visible(problem), style="bold red")
        _show_lines(console, ring, report=report, wav=path)
        try:
            if ring.console_url:
                line = await console_build.line(ring.console_url)
                console.print("\n" + visible(line), soft_wrap=True)
            if sys.stdin.isatty():
                await _call_again(ring, sound, console=console, server=server)
            await server.ended()
        except asyncio.CancelledError:
            console.print("\nStopping the server …")
            return DONE
        raise server.died()


async def _call_again(ring: KeyRing, sound: Wav, *, console: Console, server: DemoServer) -> None:
    """Place the call again at each Enter, so that somebody who has signed in sees it happen.

    Returns when the server or the terminal has gone.
    """
    console.print("Enter places the call again.", style="bold")
    pressed: asyncio.Queue[bool] = asyncio.Queue()
    loop, typed = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        is_open = bool(os.read(typed, _TYPED_BYTES))
        if not is_open:
            loop.remove_reader(typed)
        pressed.put_nowait(is_open)

    loop.add_reader(typed, read)
    death = asyncio.create_task(server.ended())
    try:
        while True:
            pressing = asyncio.create_task(pressed.get())
            await asyncio.wait({pressing, death}, return_when=asyncio.FIRST_COMPLETED)
            if not pressing.done() or not pressing.result():
                pressing.cancel()
                return
            screen = open_screen(console)
            try:
                report = await _watched_call(ring, sound, screen=screen, server=server)
            finally:
                screen.close()
            while not pressed.empty():  # pressed while the call went on
                pressed.get_nowait()
            _summarise(console, report)
            console.print("\nEnter places the call again.", style="bold")
    finally:
        loop.remove_reader(typed)
        death.cancel()


async def _watched_call(
    ring: KeyRing, sound: Wav, *, screen: Screen, server: DemoServer
) -> CallReport:
    async with open_api(ring.base_url, ring.secret_key) as api, asyncio.TaskGroup() as tasks:
        joined, over = asyncio.Event(), asyncio.Event()
        death = tasks.create_task(_fail_with(server))
        watching = tasks.create_task(_watch_events(api, screen, joined=joined, over=over))
        screen.status(f"The server is at {ring.base_url}; joining the events socket …")
        await joined.wait()
        transcripts: list[asyncio.Task[None]] = []

        def tell(note: Note) -> None:
            if isinstance(note, Started):
                following = _watch_transcript(api, note.call_id, screen=screen)
                transcripts.append(tasks.create_task(following))
            screen.note(note)

        screen.status("Calling; the agent's voice is being loaded …")
        report = await place_call(api, sound, tell=tell, agent_id=ring.agent_id)
        screen.status("The caller has hung up; waiting for the last events …")
        await asyncio.wait({asyncio.create_task(over.wait()), *transcripts}, timeout=_LAST_EVENTS_S)
        for task in (death, watching, *transcripts):
            task.cancel()
    return report


async def _fail_with(server: DemoServer) -> None:
    await server.ended()
    raise server.died()


async def _watch_events(
    api: Api, screen: Screen, *, joined: asyncio.Event, over: asyncio.Event
) -> None:
    async with aclosing(follow_events(api)) as stream:
        async for watched in stream:
            match watched:
                case Joined():
                    joined.set()
                case Away(reason, _):
                    screen.status(reason)
                case SocketEvent(name):
                    screen.event(watched)
                    if name == "call_ended":
                        over.set()


async def _watch_transcript(api: Api, call_id: str, *, screen: Screen) -> None:
    try:
        async with aclosing(follow_transcript(api, call_id)) as stream:
            async for frame in stream:
                screen.transcript(frame)
    except ApiProblem as problem:
        screen.status(str(problem))


def judge(report: CallReport, expected: Sequence[str]) -> str | None:
    """Return what went wrong with a call, in a sentence; None if nothing did.

    `expected` holds the words spoken in the recording, if they are known.
    """
    if lack := lack_of(report):
        return lack
    heard = {_words(turn.heard) for turn in report.turns if turn.heard and turn.answered_with_audio}
    missing = [f"“{words}”" for words in expected if words not in heard]
    return f"Not understood, or not answered: {', '.join(missing)}." if missing else None


def _words(text: str) -> str:
    return " ".join(_NOT_A_WORD.sub(" ", text.lower()).split())


def _summarise(console: Console, report: CallReport, *, recording: Path | None = None) -> None:
    latencies = sorted(turn.latency_ms for turn in report.turns if turn.latency_ms is not None)
    answered = sum(1 for turn in report.turns if turn.heard and turn.answered_with_audio)
    console.print()
    if latencies:
        middle = latencies[len(latencies) // 2]
        console.print(
            f"{answered} turns answered, first audio after {middle:.0f} ms (median), "
            f"{latencies[-1]:.0f} ms (worst)."
        )
    for turn in report.turns:
        if turn.interrupted_after_ms is not None:
            console.print(_tell_interruption(turn), style="bold red")
    if recording is not None:
        console.print("Recording (caller left, agent right): ", end="")
        console.print(visible(str(recording)), style="bold", soft_wrap=True)


def _tell_interruption(turn: Turn) -> str:
    after_s = (turn.interrupted_after_ms or 0) / 1000
    return (
        f"✂ The caller interrupted after {after_s:.1f} s: the agent stopped, "
        f"{turn.cut_ms:.0f} ms of its speech were not played."
    )


def lines_to_paste(ring: KeyRing, call_id: str, *, wav: Path) -> list[tuple[str, str]]:
    """Return ready-to-run shell commands, each with a description."""
    ringline = f"{URL_VARIABLE}={shlex.quote(ring.base_url)} {KEY_VARIABLE}={ring.secret_key} " + (
        shlex.join(program())
    )
    stream = shlex.quote(f"{ring.base_url}/v1/calls/{call_id}/transcript/stream?replay=1")
    return [
        (
            "mint a token for a browser to watch with (HTTP)",
            f"curl -sS -X POST {ring.base_url}/api/realtime/session "
            f"-H 'x-api-key: {ring.secret_key}'",
        ),
        (
            "read this call's transcript again (SSE)",
            f"curl -sSN {stream} -H 'Authorization: Bearer {ring.secret_key}'",
        ),
        (
            "follow the log from the beginning (events socket); leave it running",
            f"{ringline} events --follow --since 0",
        ),
        (
            "and place another call in the meantime (realtime voice)",
            f"{ringline} call --agent {ring.agent_id} --wav {shlex.quote(str(wav))}",
        ),
    ]


def _show_lines(console: Console, ring: KeyRing, *, report: CallReport, wav: Path) -> None:
    console.print(
        "\nThe server keeps running. Commands to paste into another terminal:\n", style="bold"
    )
    for does, line in lines_to_paste(ring, report.started.call_id, wav=wav.resolve()):
        console.print(f"# {does}", style="dim", soft_wrap=True)
        console.print(visible(line) + "\n", soft_wrap=True)
    console.print("Ctrl-C stops everything.", style="bold")
