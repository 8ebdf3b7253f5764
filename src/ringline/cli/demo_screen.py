"""What the demo shows: a call on three panels in a terminal, or line by line elsewhere."""

from collections import deque
from typing import Protocol

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ringline.cli.lines import describe_event, describe_note, event_detail
from ringline.cli.terminal import is_screen, visible
from ringline.client.conversation import (
    AnswerBegan,
    Answered,
    CallerStarted,
    CallerStopped,
    Ended,
    Heard,
    Note,
    Refused,
    Started,
    Turn,
)
from ringline.client.events import SocketEvent
from ringline.client.transcript import TranscriptFrame

_MAX_EVENTS = 200  # kept for the panel; the oldest fall out
_MAX_TURNS = 50
_SHOWN_TURNS = 8
_SIDE_BY_SIDE = 110  # columns; in a narrower terminal the panels stand one upon the other

_CALLER, _AGENT, _CUT = "bold cyan", "bold green", "bold red"
#: An answer that begins later than this is shown as a slow one.
_SLOW_MS = 1_000


class Screen(Protocol):
    """Where a demo tells what happens."""

    def status(self, text: str) -> None:
        """Say what is going on, or what is being waited for."""
        ...

    def event(self, event: SocketEvent) -> None:
        """Show an event from the events socket."""
        ...

    def transcript(self, frame: TranscriptFrame) -> None:
        """Show a frame from the transcript's stream."""
        ...

    def note(self, note: Note) -> None:
        """Show what the caller lives."""
        ...

    def close(self) -> None:
        """Leave what was shown last standing."""
        ...


class PlainScreen:
    """One line per happening, for pipes and files."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def status(self, text: str) -> None:
        """Print it."""
        self._print("demo", text)

    def event(self, event: SocketEvent) -> None:
        """Print name and detail; ephemeral events are many and say nothing new."""
        if event.position is not None:
            self._print("event", f"{event.name:<26} {event_detail(event)}".rstrip())

    def transcript(self, frame: TranscriptFrame) -> None:
        """Print finished turns."""
        if frame.is_final:
            self._print("transcript", f"{frame.role}: {frame.text}")

    def note(self, note: Note) -> None:
        """Print what is worth a line."""
        line = describe_note(note)
        if line is not None:
            self._print("call", line.strip())

    def close(self) -> None:
        """Nothing stands."""

    def _print(self, source: str, text: str) -> None:
        self._console.print(
            f"{source:<10} {visible(text)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
            emoji=False,
        )


class LiveScreen:
    """Three panels that move: the events, the transcript, and the turns with their times."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._events: deque[Text] = deque(maxlen=_MAX_EVENTS)
        self._latest_item: str | None = None
        self._frames: dict[str, TranscriptFrame] = {}
        self._turns: list[Turn] = []
        self._speaking = ""
        self._status = Spinner("dots", "…", style="cyan")
        self._live = Live(
            self, console=console, refresh_per_second=12, screen=False, vertical_overflow="crop"
        )
        self._live.start()

    def status(self, text: str) -> None:
        """Say it above the panels."""
        self._status.update(text=Text(visible(text)))

    def event(self, event: SocketEvent) -> None:
        """Add a line to the events; the pieces of one turn take turns on one line."""
        item = event.text("itemId") if event.position is None else None
        if item is not None and item == self._latest_item:
            self._events.pop()
        self._latest_item = item
        self._events.append(describe_event(event))

    def transcript(self, frame: TranscriptFrame) -> None:
        """Write a turn on, or anew."""
        self._frames[frame.turn_id] = frame
        while len(self._frames) > _MAX_TURNS:
            del self._frames[next(iter(self._frames))]

    def note(self, note: Note) -> None:
        """Move the table of turns."""
        match note:
            case Started():
                self.status("The call is on")
            case CallerStarted(_, cut_ms):
                self._speaking = "✂ interrupts" if cut_ms > 0 else "speaks"
                if cut_ms > 0:
                    self._events.append(Text(" ✂ the caller interrupts: the agent stops", _CUT))
            case CallerStopped():
                self._speaking = ""
            case Heard(turn) | AnswerBegan(_, turn) | Answered(_, turn):
                if not any(turn is known for known in self._turns):
                    self._turns.append(turn)
            case Refused(code, _) | Ended(code, _):
                self.status(f"The server says: {code}")

    def close(self) -> None:
        """Stop moving."""
        self._status = Spinner("dots", Text("The call is over", style="bold"), style="black")
        self._live.stop()

    def __rich__(self) -> RenderableType:
        height = max(16, min(self._console.height - 1, 40))
        layout = Layout(size=height)
        turns_height = min(_SHOWN_TURNS, max(4, len(self._turns))) + 4
        layout.split_column(
            Layout(self._header(), size=1),
            Layout(name="streams"),
            Layout(self._turns_panel(), size=min(turns_height, height // 2)),
        )
        rows = height - 1 - min(turns_height, height // 2) - 2
        if self._console.width >= _SIDE_BY_SIDE:
            layout["streams"].split_row(
                Layout(self._events_panel(rows), ratio=5),
                Layout(self._transcript_panel(rows, self._console.width * 4 // 9 - 4), ratio=4),
            )
        else:
            layout["streams"].split_column(
                Layout(self._events_panel(rows // 2 - 1)),
                Layout(self._transcript_panel(rows // 2 - 1, self._console.width - 4)),
            )
        return _Sized(layout, height)

    def _header(self) -> RenderableType:
        line = Table.grid(expand=True)
        line.add_column(ratio=1)
        line.add_column(justify="right")
        speaking = Text(f"caller {self._speaking} " if self._speaking else "", _CALLER)
        line.add_row(self._status, speaking)
        return line

    def _events_panel(self, rows: int) -> RenderableType:
        shown = list(self._events)[-rows:]
        return Panel(
            Group(*shown), title="events · socket", border_style="cyan", title_align="left"
        )

    def _transcript_panel(self, rows: int, width: int) -> RenderableType:
        lines: list[Text] = []
        for frame in list(self._frames.values())[-rows:]:
            style = _CALLER if frame.role == "user" else _AGENT
            line = Text("caller " if frame.role == "user" else "agent  ", style)
            line.append(visible(frame.text), "default" if frame.is_final else "italic dim")
            lines.append(line)
        wrapped = [part for line in lines for part in line.wrap(self._console, max(20, width))]
        return Panel(
            Group(*wrapped[-rows:]),
            title="transcript · SSE",
            border_style="green",
            title_align="left",
        )

    def _turns_panel(self) -> RenderableType:
        table = Table(expand=True, box=None, padding=(0, 1), header_style="dim")
        table.add_column("caller", style=_CALLER, ratio=3, no_wrap=True)
        table.add_column("agent", style=_AGENT, ratio=5, no_wrap=True)
        table.add_column("latency", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for turn in self._turns[-_SHOWN_TURNS:]:
            cut = turn.interrupted_after_ms is not None
            table.add_row(
                Text(visible(turn.heard) if turn.heard is not None else "(greeting)"),
                Text(visible(turn.answer.strip()), overflow="ellipsis"),
                _latency(turn),
                Text(f"✂ stopped, {turn.cut_ms:.0f} ms unheard", _CUT) if cut else Text(""),
            )
        return Panel(table, title="turns · the caller's own clock", title_align="left")


class _Sized:
    """A layout of a height of its own, below what is already in the terminal."""

    def __init__(self, layout: Layout, height: int) -> None:
        self._layout = layout
        self._height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self._layout, options.update(height=self._height))


def _latency(turn: Turn) -> Text:
    if turn.latency_ms is None:
        return Text("")
    style = "yellow" if turn.latency_ms > _SLOW_MS else "bold"
    return Text(f"{turn.latency_ms:.0f} ms", style)


def open_screen(console: Console) -> Screen:
    """Choose how to show: panels need a real terminal."""
    return LiveScreen(console) if is_screen() else PlainScreen(console)
