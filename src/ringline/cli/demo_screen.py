"""The demo's output: three panels in a terminal, or line by line elsewhere."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from rich.console import Console, RenderableType
from rich.layout import Layout
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ringline.cli.demo_panels import (
    AGENT,
    CALLER,
    CUT,
    FRAME,
    Sized,
    StreamPanels,
    TurnsPanel,
    share,
    table_of,
    widest,
    wrap,
)
from ringline.cli.lines import describe_event, describe_note, event_detail, words
from ringline.cli.painter import Painter
from ringline.cli.terminal import is_screen, visible, write_codes
from ringline.client.conversation import (
    AnswerBegan,
    Answered,
    CallerStarted,
    CallerStopped,
    Ended,
    ErrorReported,
    Heard,
    LimitNear,
    Note,
    Started,
    Turn,
)
from ringline.client.events import SocketEvent
from ringline.client.transcript import TranscriptFrame

_MAX_EVENTS = 200  # kept for the panel; the oldest are dropped
_MAX_TURNS = 50
_SHOWN_TURNS = 8
_SIDE_BY_SIDE = 110  # columns; in a narrower terminal the panels are stacked
_MAX_COLUMNS, _MAX_ROWS, _MIN_ROWS = 160, 40, 16
_DRAW_EVERY_S = 0.1


class Screen(Protocol):
    """Where a demo reports what happens."""

    def status(self, text: str) -> None:
        """Say what the demo is doing or waiting for."""
        ...

    def event(self, event: SocketEvent) -> None:
        """Show an event from the events socket."""
        ...

    def transcript(self, frame: TranscriptFrame) -> None:
        """Show a frame of the transcript stream."""
        ...

    def note(self, note: Note) -> None:
        """Show what the caller experiences."""
        ...

    def close(self) -> None:
        """Stop drawing; leave the last picture on the screen."""
        ...


class PlainScreen:
    """One line per event, for pipes and files."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def status(self, text: str) -> None:
        """Print the text."""
        self._print("demo", text)

    def event(self, event: SocketEvent) -> None:
        """Print name and detail; skip ephemeral events, which are many and add nothing."""
        if event.position is not None:
            self._print("event", f"{event.name:<26} {event_detail(event)}".rstrip())

    def transcript(self, frame: TranscriptFrame) -> None:
        """Print finished turns."""
        if frame.is_final:
            self._print("transcript", f"{frame.role}: {_said(frame)}")

    def note(self, note: Note) -> None:
        """Print notes that are worth a line."""
        line = describe_note(note)
        if line is not None:
            self._print("call", line.strip())

    def close(self) -> None:
        """Do nothing: lines need no clean-up."""

    def _print(self, source: str, text: str) -> None:
        self._console.print(
            f"{source:<10} {visible(text)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
            emoji=False,
        )


class LiveScreen:
    """Three live panels: events, transcript, and turns with their timings."""

    def __init__(self, console: Console, write: Callable[[str], None] = write_codes) -> None:
        self._console = console
        self._events: deque[Text] = deque(maxlen=_MAX_EVENTS)
        self._latest_item: str | None = None
        self._frames: dict[str, TranscriptFrame] = {}
        self._turns: list[Turn] = []
        self._speaking = ""
        self._status = Spinner("dots", "…", style="cyan")
        self._painter = Painter(write)
        self._moving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start drawing on the running loop."""
        self._moving = asyncio.create_task(self._move())

    async def _move(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self.draw(clock())
            await asyncio.sleep(_DRAW_EVERY_S)

    def draw(self, now_s: float) -> None:
        """Update the terminal if it is time."""
        self._painter.paint(self._lines(), self._width, now_s=now_s)

    def _lines(self) -> list[str]:
        with self._console.capture() as drawn:
            self._console.print(self, width=self._width, end="")
        return drawn.get().removesuffix("\n").split("\n")

    @property
    def _width(self) -> int:
        return min(self._console.width, _MAX_COLUMNS)

    def status(self, text: str) -> None:
        """Show the text above the panels."""
        self._status.update(text=Text(visible(text)))

    def event(self, event: SocketEvent) -> None:
        """Add a line to the events; the pieces of one turn share one line."""
        item = event.text("itemId") if event.position is None else None
        if item is not None and item == self._latest_item:
            self._events.pop()
        self._latest_item = item
        self._events.append(describe_event(event))

    def transcript(self, frame: TranscriptFrame) -> None:
        """Update the line of a turn, or add one."""
        self._frames[frame.turn_id] = frame
        while len(self._frames) > _MAX_TURNS:
            del self._frames[next(iter(self._frames))]

    def note(self, note: Note) -> None:
        """Update the table of turns."""
        match note:
            case Started():
                self.status("The call is on")
            case CallerStarted(_, cut_ms):
                self._speaking = "✂ interrupts" if cut_ms > 0 else "speaks"
                if cut_ms > 0:
                    self._events.append(Text(" ✂ the caller interrupts: the agent stops", CUT))
            case CallerStopped():
                self._speaking = ""
            case Heard(turn) | AnswerBegan(_, turn) | Answered(_, turn):
                if not any(turn is known for known in self._turns):
                    self._turns.append(turn)
            case ErrorReported(code, _) | Ended(code, _) | LimitNear(code, _):
                self.status(f"The server says: {code}")

    def close(self) -> None:
        """Stop drawing."""
        if self._moving is not None:
            self._moving.cancel()
        self._status = Spinner("dots", Text("The call is over", style="bold"), style="black")
        self._painter.finish(self._lines(), self._width)

    def __rich__(self) -> RenderableType:
        height = max(_MIN_ROWS, min(self._console.height - 1, _MAX_ROWS))
        turns, streams = self._turns_table(height // 2), self._streams(height)
        turns_height, streams_height = share(height - 1, turns.height, streams.height)
        layout = Layout()
        layout.split_column(
            Layout(self._header(), size=1),
            Layout(streams.within(streams_height), size=streams_height),
            Layout(self._turns_table(turns_height).panel, size=turns_height),
        )
        return Sized(layout, height)

    def _streams(self, rows: int) -> StreamPanels:
        events, transcript = list(self._events)[-rows:], self._transcript(rows)
        side_by_side = self._width >= _SIDE_BY_SIDE
        if side_by_side:
            room = self._width - 2 * FRAME
            wide, narrow = share(room, widest(events), widest(transcript))
        else:
            wide = narrow = self._width - FRAME
        return StreamPanels(
            wrap(self._console, events, width=wide),
            wrap(self._console, transcript, width=narrow),
            wide,
            side_by_side,
        )

    def _header(self) -> RenderableType:
        line = Table.grid(expand=True)
        line.add_column(ratio=1)
        line.add_column(justify="right")
        speaking = Text(f"caller {self._speaking} " if self._speaking else "", CALLER)
        line.add_row(self._status, speaking)
        return line

    def _transcript(self, rows: int) -> list[Text]:
        lines: list[Text] = []
        for frame in list(self._frames.values())[-rows:]:
            style = CALLER if frame.role == "user" else AGENT
            line = Text("caller " if frame.role == "user" else "agent  ", style)
            line.append(visible(_said(frame)), "default" if frame.is_final else "italic dim")
            lines.append(line)
        return lines

    def _turns_table(self, rows: int) -> TurnsPanel:
        """Make the panel with as many of the last turns as fit in so many rows."""
        shown = self._turns[-_SHOWN_TURNS:]
        while True:
            table = table_of(shown)
            options = self._console.options.update(width=self._width - FRAME, height=None)
            height = len(self._console.render_lines(table, options)) + 2
            if height <= rows or len(shown) < 2:
                return TurnsPanel(table, height)
            shown = shown[1:]


def _said(frame: TranscriptFrame) -> str:
    return words(frame.text, cut=frame.interrupted, recognized=frame.recognized)


def open_screen(console: Console) -> Screen:
    """Choose the output: panels need a real terminal that is large enough."""
    if not is_screen() or console.height <= _MIN_ROWS:
        return PlainScreen(console)
    screen = LiveScreen(console)
    screen.start()
    return screen
