"""The demo's panels: how much room each gets, and what stands in it.

None cuts what the other half of the screen has room for: rows and columns are shared by
need, and long lines are wrapped.
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

_MIN_COLUMNS = 20  # of a panel that has nothing to show yet
#: An answer that begins later than this is shown as a slow one.
_SLOW_MS = 1_000


@dataclass(frozen=True, slots=True)
class TurnsPanel:
    """The table of turns, and the rows that it takes with its frame."""

    table: Table
    height: int

    @property
    def panel(self) -> Panel:
        """Return it in its frame."""
        return Panel(self.table, title="turns · the caller's own clock", title_align="left")


@dataclass(frozen=True, slots=True)
class StreamPanels:
    """What came over both streams, in lines that fit, side by side or one upon the other."""

    events: list[Text]
    transcript: list[Text]
    events_width: int
    beside: bool

    @property
    def height(self) -> int:
        """Return the rows that they take with their frames."""
        rows = len(self.events), len(self.transcript)
        return max(rows) + 2 if self.beside else sum(rows) + 4

    def within(self, height: int) -> RenderableType:
        """Return their panels, each with the newest of its lines."""
        layout = Layout()
        if self.beside:
            layout.split_row(
                Layout(
                    _panel(self.events, height, "events · socket", "cyan"),
                    size=self.events_width + FRAME,
                ),
                Layout(_panel(self.transcript, height, "transcript · SSE", "green")),
            )
            return layout
        upper, lower = share(height, len(self.events) + 2, len(self.transcript) + 2)
        layout.split_column(
            Layout(_panel(self.events, upper, "events · socket", "cyan"), size=upper),
            Layout(_panel(self.transcript, lower, "transcript · SSE", "green"), size=lower),
        )
        return layout


def share(room: int, first: int, second: int) -> tuple[int, int]:
    """Share room between two that need so much: neither lacks what the other leaves.

    What nobody needs goes to the second.
    """
    half = room // 2
    if first + second <= room or first <= half:
        return first, room - first
    if second <= room - half:
        return room - second, second
    return half, room - half


def widest(lines: list[Text]) -> int:
    """Return the columns that lines take unless they are wrapped."""
    return max([_MIN_COLUMNS, *(line.cell_len for line in lines)])


def wrap(console: Console, lines: list[Text], width: int) -> list[Text]:
    """Break lines at so many columns."""
    return [part for line in lines for part in line.wrap(console, width)]


def _panel(lines: list[Text], height: int, title: str, style: str) -> Panel:
    newest = lines[-max(1, height - 2) :]
    return Panel(Group(*newest), title=title, border_style=style, title_align="left")


def table_of(turns: list[Turn]) -> Table:
    """Make the table of turns; its columns are as wide as their texts, or wrapped."""
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
