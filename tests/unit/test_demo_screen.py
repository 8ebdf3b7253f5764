"""The demo's panels: nothing is cut that there is room for, and little is written."""

import fcntl
import io
import os
import pty
import struct
import termios
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ringline.cli.demo_panels import share
from ringline.cli.demo_screen import LiveScreen
from ringline.cli.painter import Painter
from ringline.client.conversation import Heard, Turn
from ringline.client.events import SocketEvent
from ringline.client.transcript import TranscriptFrame

LIMIT_PER_S = 20_000
SIZES = [(80, 24), (80, 50), (120, 24), (120, 40), (250, 70)]


def screen_of(width: int, height: int, write: Callable[[str], None] = lambda _: None) -> LiveScreen:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    return LiveScreen(console, write)


def event(number: int, words: str) -> SocketEvent:
    payload = {"position": f"e:{number}", "role": "user", "transcript": words}
    return SocketEvent("call_transcript_completed", payload)


def frame(number: int, words: str) -> TranscriptFrame:
    return TranscriptFrame("user", words, True, str(number), "")


def drawn(screen: LiveScreen, width: int, height: int) -> str:
    screen.status("the call is on")
    paper = Console(file=io.StringIO(), width=min(width, 160), height=height)
    paper.print(screen)
    assert isinstance(paper.file, io.StringIO)
    return paper.file.getvalue()


@given(st.integers(0, 200), st.integers(0, 300), st.integers(0, 300))
def test_neither_lacks_what_the_other_leaves(room: int, first: int, second: int) -> None:
    got, other = share(room, first, second)
    assert got + other == room
    if got < first:
        assert other <= second or other == room - room // 2
    if other < second:
        assert got <= first or got == room // 2
    if got < first and other < second:
        assert abs(got - other) <= 1


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_panel_cuts_what_there_is_room_for(width: int, height: int) -> None:
    """Long events and short turns, and the other way round: every word is shown."""
    long = " ".join(f"word{number}" for number in range(14))
    for events, turns in ((long, "short"), ("short", long)):
        screen = screen_of(width, height)
        for number in range(2):
            screen.event(event(number, f"event{number} {events}"))
            screen.transcript(frame(number, f"turn{number} {turns}"))
        screen.note(Heard(Turn(heard="what", answer=f"answer {turns}", answered_with_audio=True)))
        shown = drawn(screen, width, height)
        for number in range(2):
            assert f"event{number}" in shown
            assert f"turn{number}" in shown
        # Once per event and frame; the answer stands in the table of turns as well.
        for word in long.split():
            assert shown.count(word) >= (2 if events == long else 3), (word, shown)
        assert "…" not in shown


@pytest.mark.parametrize("many", ["events", "turns"])
def test_one_upon_the_other_the_fuller_panel_gets_the_rows(many: str) -> None:
    screen = screen_of(80, 40)
    for number in range(20 if many == "events" else 1):
        screen.event(event(number, f"event{number:02}"))
    for number in range(20 if many == "turns" else 1):
        screen.transcript(frame(number, f"turn{number:02}"))
    shown = drawn(screen, 80, 40)
    assert shown.count("event") - 1 == (20 if many == "events" else 1)  # a title has it too
    assert "turn19" in shown or many == "events"
    assert "turn00" in shown
    assert "event00" in shown


class Meter:
    """Counts what is written in each second of a virtual clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.written: list[tuple[float, int]] = []

    def write(self, text: str) -> None:
        self.written.append((self.now_s, len(text.encode())))

    def most_in_a_second(self) -> int:
        return max(
            sum(size for at, size in self.written if begin <= at < begin + 1)
            for begin, _ in self.written
        )


def live(screen: LiveScreen, seconds: int, tick: Callable[[float], None]) -> None:
    """Let far more happen than a call brings: forty events and frames a second."""
    for step in range(seconds * 10):
        for number in range(step * 4, step * 4 + 4):
            screen.event(event(number, f"{number} " + "something was said " * (number % 5)))
            screen.transcript(frame(number, f"{number} " + "and somebody answered " * (number % 4)))
        screen.note(Heard(Turn(heard=f"turn {step}", answer="an answer")))
        tick(step / 10)
        screen.draw(step / 10)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_second_sees_too_much_written(width: int, height: int) -> None:
    meter = Meter()
    screen = screen_of(width, height, meter.write)
    live(screen, 6, lambda now_s: setattr(meter, "now_s", now_s))
    assert len(meter.written) > 3
    assert meter.most_in_a_second() < LIMIT_PER_S


def test_a_terminal_is_sent_little() -> None:
    """Over a pseudo-terminal of 120 columns: what its other end reads, per virtual second."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    read = 0

    def drain() -> None:
        nonlocal read
        try:
            while piece := os.read(ours, 65_536):
                read += len(piece)
        except OSError:  # nobody writes to it any more
            return

    reader = threading.Thread(target=drain)
    reader.start()
    with os.fdopen(theirs, "w", encoding="utf-8") as file:
        console = Console(file=file, width=120, height=40, force_terminal=True)

        def write(text: str) -> None:
            file.write(text)
            file.flush()

        screen = LiveScreen(console, write)
        live(screen, 5, lambda _: None)
        screen.close()
    reader.join()
    os.close(ours)
    assert 5_000 < read < 5 * LIMIT_PER_S


def test_a_painter_writes_what_has_changed_and_where() -> None:
    told: list[str] = []
    painter = Painter(told.append)
    painter.paint(["a", "b", "c"], 1, now_s=0.0)
    assert told == ["\x1b[?25la\r\nb\r\nc\r\n"]
    painter.paint(["a", "B", "c"], 1, now_s=1.0)
    assert told[1] == "\x1b[2AB\r\x1b[2B"
    painter.paint(["a", "B", "c"], 1, now_s=2.0)
    assert len(told) == 2
    painter.paint(["A", "B", "C"], 1, now_s=3.0)
    assert told[2] == "\x1b[3AA\r\x1b[2BC\r\x1b[1B"
    painter.paint(["AA", "BB", "CC"], 2, now_s=4.0)  # the terminal was made wider
    assert told[3].startswith("\x1b[H\x1b[2JAA\r\n")
    painter.finish(["AA", "BB", "CC"], 2)
    assert told[4] == "\x1b[?25h"


def test_a_painter_waits_until_a_frame_is_paid_for() -> None:
    told: list[str] = []
    painter = Painter(told.append)
    painter.paint(["x" * 4_985], 4_985, now_s=0.0)
    painter.paint(["y" * 4_985], 4_985, now_s=0.49)
    assert len(told) == 1
    painter.paint(["z" * 4_985], 4_985, now_s=0.5)
    assert told[1].count("z") == 4_985
