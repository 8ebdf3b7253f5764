"""Text of others on a terminal: shown, never obeyed."""

import ast
import io
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ringline import cli
from ringline.cli import doctor, keys, watch
from ringline.cli.call import describe_report
from ringline.cli.demo_screen import LiveScreen, PlainScreen, Screen
from ringline.cli.files import KeyRing
from ringline.cli.lines import describe_note, event_detail
from ringline.cli.logs import log_like_a_command, log_like_a_server
from ringline.cli.program import main
from ringline.cli.terminal import open_console, say, show, show_json, spell_json, visible
from ringline.client.conversation import Answered, Ended, ErrorReported, Heard, Note, Started, Turn
from ringline.client.events import Away, Joined, SocketEvent
from ringline.client.http import refused
from ringline.client.realtime import CallReport
from ringline.client.transcript import TranscriptFrame
from ringline.domain.latency import Latency
from ringline.wire.wav import Wav

#: One of each kind: a title, the clipboard, a forged line, an 8-bit escape, an override.
HOSTILE = (
    "\x1b]0;title\x07 \x1b]52;c;aGk=\x1b\\ \r\n\t12:00:00 forged \x7f\x85\x9b2J \u202egnp.exe\u2066"
    "\u061c\u200e\u200f\u2028\u2029 [bold]loud[/bold] [link=https://x.example]here[/link] :smile:"
)
#: What of it a reader must still see, as it was written.
WRITTEN = ("]0;title", "forged", "gnp.exe", "[bold]loud[/bold]", "[link=https://x.example]here[/")
TURN = Turn(heard=HOSTILE, answer=HOSTILE, answered_with_audio=True, interrupted_after_ms=1.0)
NOTES: tuple[Note, ...] = (
    Started(HOSTILE, HOSTILE, HOSTILE, 16_000, 24_000),
    Heard(TURN),
    Answered(1.0, TURN),
    ErrorReported(HOSTILE, HOSTILE),
    Ended(HOSTILE, HOSTILE),
)
EVENTS = (
    ("incoming_call", ("fromNumber", "toNumber")),
    ("call_answered", ("answeredBy",)),
    ("call_participant_joined", ("role",)),
    ("call_transcript_delta", ("role", "delta")),
    ("call_transcript_completed", ("role", "transcript")),
    ("call_ended", ("status", "durationSeconds", "hangupCause")),
    ("call_ai_audit_event", ("auditType",)),
    (HOSTILE, ("callUuid", "occurredAt")),
)


def steers(character: str) -> bool:
    """Tell whether a terminal may obey a character, by what Unicode says of it."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
        unicodedata.bidirectional(character)
        in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        or character in "\u200e\u200f\u061c"
    )


def lines_of(printed: str) -> list[str]:
    """Return the lines of an output that steers nothing."""
    assert not [hex(ord(one)) for one in printed if steers(one) and one != "\n"]
    return printed.removesuffix("\n").split("\n")


def event(name: str, members: tuple[str, ...]) -> SocketEvent:
    return SocketEvent(name, {"position": "1:1", **dict.fromkeys(members, HOSTILE)})


@given(st.text(st.characters(codec=None)))
def test_what_steers_is_replaced_and_nothing_else(text: str) -> None:
    shown = visible(text)
    assert not any(map(steers, shown))
    assert len(shown) == len(text)
    assert all(a == b or (steers(a) and b == "\ufffd") for a, b in zip(text, shown, strict=True))


def test_every_character_there_is() -> None:
    every = "".join(map(chr, range(0x11_0000)))
    replaced = {a for a, b in zip(every, visible(every), strict=True) if a != b}
    assert replaced == {one for one in every if steers(one)}


@given(
    st.recursive(
        st.text(st.characters(codec=None)), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_json_is_escaped_and_reads_back_the_same(value: object) -> None:
    spelt = spell_json(value)
    assert not any(map(steers, spelt))
    assert json.loads(spelt) == value
    spelt.encode()


def test_readable_text_stays_readable() -> None:
    written = "Grüße, שלום, مرحبا, 你好 😀 ✂ …"
    assert visible(written) == written
    assert spell_json(written) == f'"{written}"'


@pytest.mark.parametrize("tell", [show, say])
def test_a_line_is_one_line(
    tell: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tell(HOSTILE)
    told = capsys.readouterr()
    assert len(lines_of(told.out + told.err)) == 1


@pytest.mark.parametrize(("name", "members"), EVENTS, ids=range(len(EVENTS)))
def test_an_event_is_one_line(
    name: str, members: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    watch.show_watched(event(name, members), open_console(soft_wrap=True), json=False)
    (line,) = lines_of(capsys.readouterr().out)
    assert all(piece in line for piece in WRITTEN)
    assert "…" not in line  # nothing is cut


def test_an_event_as_json_keeps_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    told = event(HOSTILE, ("transcript",))
    watch.show_watched(told, open_console(soft_wrap=True), json=True)
    (line,) = lines_of(capsys.readouterr().out)
    assert json.loads(line) == {"event": HOSTILE, "payload": dict(told.payload)}


@pytest.mark.parametrize(
    ("remarks", "shown"),
    [
        ({"transcript": "A table."}, "user: A table."),
        ({"transcript": "A table", "interrupted": True}, "user: A table ✂"),
        ({"transcript": "", "recognized": False}, "user: (not understood)"),
    ],
)
def test_what_there_is_to_say_of_a_turn_is_shown(
    remarks: dict[str, Any], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    members: dict[str, Any] = {"role": "user", **remarks}
    assert event_detail(SocketEvent("call_transcript_completed", members)) == shown
    text = str(members.pop("transcript"))
    frame = TranscriptFrame(text=text, is_final=True, turn_id="trn_1", ts="", **members)
    PlainScreen(open_console()).transcript(frame)
    assert capsys.readouterr().out == f"{'transcript':<10} {shown}\n"


def test_a_caller_who_was_not_understood_sees_it() -> None:
    assert describe_note(Heard(Turn(heard=""))) == "  caller  (not understood)"
    assert describe_note(Answered(1.0, Turn(answer=""))) == "  agent   "


def test_an_answer_says_whose_time_it_took() -> None:
    took = Latency(total_ms=840, voice_ms=838, gateway_ms=2)
    note = Answered(1.0, Turn(answer="Noon.", ledger=took))
    assert describe_note(note) == "  agent   Noon.  (voice 838 ms, gateway 2 ms)"


@pytest.mark.parametrize("watched", [Joined(HOSTILE, recovered=True), Away(HOSTILE, 1.0)])
def test_what_a_server_says_of_its_socket(
    watched: Joined | Away, capsys: pytest.CaptureFixture[str]
) -> None:
    watch.show_watched(watched, open_console(soft_wrap=True), json=False)
    assert len(lines_of(capsys.readouterr().err)) == 1


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_of_a_call_is_one_line(note: Note, capsys: pytest.CaptureFixture[str]) -> None:
    line = describe_note(note)
    assert line is not None
    show(line)
    (shown,) = lines_of(capsys.readouterr().out)
    assert all(piece in shown for piece in WRITTEN)


def test_a_call_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    started = Started(HOSTILE, HOSTILE, HOSTILE, 8_000, 8_000)
    report = CallReport(started, (TURN,), Wav(8_000, 2, b""), HOSTILE)
    show_json(describe_report(report, Path("call.wav")))
    (line,) = lines_of(capsys.readouterr().out)
    assert json.loads(line)["turns"][0]["heard"] == HOSTILE


def feed(screen: Screen) -> None:
    for name, members in EVENTS:
        screen.event(event(name, members))
    for number, final in enumerate((True, False)):
        screen.transcript(TranscriptFrame(HOSTILE, HOSTILE, final, str(number), HOSTILE))
    for note in NOTES:
        screen.note(note)
    screen.status(HOSTILE)


def test_the_demo_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    feed(PlainScreen(open_console()))
    lines = lines_of(capsys.readouterr().out)
    assert len(lines) == len(EVENTS) + 1 + len(NOTES) + 1
    assert all(line.split()[0] in ("event", "transcript", "call", "demo") for line in lines)


@pytest.mark.parametrize("width", [400, 100])
def test_the_demo_on_panels(width: int) -> None:
    screen = LiveScreen(Console(file=io.StringIO(), width=width, height=60))
    try:
        feed(screen)
        paper = Console(file=io.StringIO(), width=width, height=60)
        paper.print(screen)
    finally:
        screen.close()
    assert isinstance(paper.file, io.StringIO)
    shown = "\n".join(lines_of(paper.file.getvalue()))
    assert "[bold]loud[/bold]" in shown


def test_findings_of_the_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    finding = doctor.Finding("database", doctor.Grade.BAD, HOSTILE, HOSTILE)
    doctor.show_finding(finding, open_console(soft_wrap=True))
    lines = lines_of(capsys.readouterr().out)
    assert len(lines) == 2  # what was found, and the advice
    assert all(piece in line for line in lines for piece in WRITTEN)


def test_first_keys(capsys: pytest.CaptureFixture[str]) -> None:
    keys.show_key_ring(KeyRing(base_url=HOSTILE, workspace_id=HOSTILE, secret_key=HOSTILE))
    lines = lines_of(capsys.readouterr().out)
    assert len(lines) == 8
    idle = [line.split()[0] for line in lines if "grants nothing in this version" in line]
    assert idle == ["publishable_key"]


def test_a_refusal_of_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({"error": {"code": "c", "message": HOSTILE}}).encode()
    say(f"ringline: {refused(400, body)}")
    assert len(lines_of(capsys.readouterr().err)) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("key", "revoke", HOSTILE),
        ("key", "list", "--workspace", HOSTILE),
        ("events", "--since", HOSTILE),
        ("token", "--url", HOSTILE, "--key", "k"),
        ("call", "--wav", HOSTILE),
        ("call", "--wav", "a.wav", "--agent", HOSTILE, "--model", HOSTILE),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_a_command_refuses(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    assert len(lines_of(capsys.readouterr().err)) == 1


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_logs_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    colours = structlog.dev.ConsoleRenderer
    monkeypatch.setattr(structlog.dev, "ConsoleRenderer", lambda **o: colours(colors=False, **o))
    try:
        log_like_a_server()
        log = structlog.get_logger()
        without_blanks = HOSTILE.replace(" ", "_")
        log.warning(without_blanks, value=without_blanks, words=HOSTILE, listed=[HOSTILE])
        try:
            raise RuntimeError(f"no\n2026-11-28 [info] forged {HOSTILE}")
        except RuntimeError:
            log.exception("failed")
    finally:
        log_like_a_command()
    first, second, *traceback = lines_of(screen.getvalue())
    assert "listed=" in first
    assert "failed" in second
    assert any("forged" in line for line in traceback)
    assert all(line.startswith("  ") for line in traceback)


def test_only_the_terminal_prints() -> None:
    """Whatever the command line prints passes `cli/terminal.py`."""
    found: list[str] = []
    for module in sorted(Path(cli.__path__[0]).glob("*.py")):
        if module.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                "Console",
                "sys.stdout.write",
                "sys.stderr.write",
                "os.write",
            ):
                found.append(f"{module.name}: {ast.unparse(node)}")
    assert found == []
