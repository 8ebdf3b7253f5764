"""The demo's panels: their sizes and their contents.

Rows and columns are shared by need, and long lines are wrapped, so that no panel is cut off
while another one has room to spare.
"""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ringline.cli.lines import words
from ringline.cli.terminal import visible
from ringline.client.conversation import Turn

FRAME = 4  # columns of a panel's border and padding
CALLER, AGENT, CUT = "bold cyan", "bold green", "bold red"

_MIN_COLUMNS = 20  # of an empty panel
#: Answers that begin later than this are marked as slow.
_SLOW_MS = 1_000


@dataclass(frozen=True, slots=True)
class TurnsPanel:
    """The table of turns, and its height with the frame."""

    table: Table
    height: int

    @property
    def panel(self) -> Panel:
        """Return the table in its frame."""
        return Panel(self.table, title="turns · the caller's own clock", title_align="left")


@dataclass(frozen=True, slots=True)
class StreamPanels:
    """The lines of both streams, wrapped, in panels side by side or stacked."""

    events: list[Text]
    transcript: list[Text]
    events_width: int
    side_by_side: bool

    @property
    def height(self) -> int:
        """Return the height of the panels with their frames."""
        rows = len(self.events), len(self.transcript)
        return max(rows) + 2 if self.side_by_side else sum(rows) + 4

    def within(self, height: int) -> RenderableType:
        """Return the panels, each with its newest lines."""
        layout = Layout()
        if self.side_by_side:
            layout.split_row(
                Layout(
                    _panel(self.events, height, title="events · socket", style="cyan"),
                    size=self.events_width + FRAME,
                ),
                Layout(_panel(self.transcript, height, title="transcript · SSE", style="green")),
            )
            return layout
        upper, lower = share(height, len(self.events) + 2, len(self.transcript) + 2)
        layout.split_column(
            Layout(_panel(self.events, upper, title="events · socket", style="cyan"), size=upper),
            Layout(
                _panel(self.transcript, lower, title="transcript · SSE", style="green"), size=lower
            ),
        )
        return layout


def share(room: int, first: int, second: int) -> tuple[int, int]:
    """Divide room between two panels by their needs.

    Room that neither needs goes to the second.
    """
    half = room // 2
    if first + second <= room or first <= half:
        return first, room - first
    if second <= room - half:
        return room - second, second
    return half, room - half


def widest(lines: list[Text]) -> int:
    """Return the width of the longest line before wrapping."""
    return max([_MIN_COLUMNS, *(line.cell_len for line in lines)])


def wrap(console: Console, lines: list[Text], *, width: int) -> list[Text]:
    """Wrap lines at a width."""
    return [part for line in lines for part in line.wrap(console, width)]


def _panel(lines: list[Text], height: int, *, title: str, style: str) -> Panel:
    newest = lines[-max(1, height - 2) :]
    return Panel(Group(*newest), title=title, border_style=style, title_align="left")


def table_of(turns: list[Turn]) -> Table:
    """Make the table of turns; its columns are as wide as their texts, or wrap them."""
    table = Table(expand=True, box=None, padding=(0, 1), header_style="dim")
    table.add_column("caller", style=CALLER)
    table.add_column("agent", style=AGENT)
    table.add_column("latency", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for turn in turns:
        cut = turn.interrupted_after_ms is not None
        table.add_row(
            Text(visible(_heard(turn))),
            Text(visible(turn.answer.strip())),
            _latency(turn),
            Text(f"✂ stopped, {turn.cut_ms:.0f} ms unheard", CUT) if cut else Text(""),
        )
    return table


def _heard(turn: Turn) -> str:
    if turn.heard is None:
        return "(greeting)"
    return words(turn.heard, recognized=turn.heard != "")


class Sized:
    """A layout with a fixed height, drawn below what is already in the terminal."""

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
