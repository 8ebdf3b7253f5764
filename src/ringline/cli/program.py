"""The program `ringline`: its commands, and how it ends."""

import sys
from collections.abc import Sequence
from traceback import format_exception

import structlog
from cyclopts import App, CycloptsError

from ringline import __version__
from ringline.cli import inherited
from ringline.cli.logs import log_end, log_like_a_command, log_like_a_server
from ringline.cli.outcome import DONE, FAILED, INTERRUPTED, MISUSED, sentence
from ringline.cli.terminal import (
    OutputClosed,
    forget_output,
    is_screen,
    open_console,
    prepare_output,
    say,
)

HELP_FLAGS = ("--help", "-h")

#: Commands whose stderr is a log.
_SERVERS = ("dev", "serve")

app = App(
    name="ringline",
    help="A self-hosted realtime voice gateway: calls, voices, and the screens that watch.\n\n"
    "`ringline dev` starts everything on this machine; `ringline COMMAND --help` says more.",
    version=__version__,
    version_flags=["--version"],
    help_flags=HELP_FLAGS,
    result_action="return_value",
)
# By name, so that a command imports only what it needs: a server never loads the client's numpy.
app.command("ringline.cli.server:dev", name="dev")
app.command("ringline.cli.server:serve", name="serve")
app.command("ringline.cli.server:migrate", name="migrate")
app.command("ringline.cli.secret:secret", name="secret")
app.command("ringline.cli.keys:workspace_app", name="workspace")
app.command("ringline.cli.keys:key_app", name="key")
app.command("ringline.cli.console:console", name="console")
app.command("ringline.cli.actions:agent_app", name="agent")
app.command("ringline.cli.actions:rpc", name="rpc")
app.command("ringline.cli.watch:token", name="token")
app.command("ringline.cli.watch:events", name="events")
app.command("ringline.cli.webhooks:webhooks_app", name="webhooks")
app.command("ringline.cli.why:why", name="why")
app.command("ringline.cli.call:call", name="call")
app.command("ringline.cli.recording:recording", name="recording")
app.command("ringline.cli.doctor:doctor", name="doctor")
app.command("ringline.cli.demo:demo", name="demo", show=False)  # `make demo` calls it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    inherited.mend()
    prepare_output()
    words = sys.argv[1:] if arguments is None else list(arguments)
    if _has_log(words):
        log_like_a_server()
    else:
        log_like_a_command()
    try:
        return _run(words)
    except OutputClosed:
        forget_output()
        return DONE


def _run(words: list[str]) -> int:
    if not words or words[0] in HELP_FLAGS:
        for name in app:  # the list shows each command's description, so load them all
            app[name]
    app.help_formatter, app.help_format = (
        ("default", "markdown") if is_screen() else ("plain", "plaintext")
    )
    try:
        result = app(words, console=open_console(), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _tell(words, " ".join(str(error).split()))
        return MISUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OutputClosed:
        raise
    except Exception as error:
        _tell(words, sentence(error) or _show_defect(words, error))
        return FAILED
    return result if isinstance(result, int) else DONE


def _tell(words: list[str], why: str) -> None:
    """Report why a command ends, to its user or in the server's log."""
    if _has_log(words):
        log_end(why)
    else:
        say(f"ringline: {why}")


def _show_defect(words: list[str], error: Exception) -> str:
    """Print a bug's traceback for developers; return a sentence for the user."""
    if _has_log(words):
        structlog.get_logger().error("server_failed", error=type(error).__name__)
    else:
        for line in "".join(format_exception(error)).rstrip().split("\n"):
            say(line)
    return f"This is a bug in Ringline ({type(error).__name__}); please report it."


def _has_log(words: list[str]) -> bool:
    """Return whether stderr is a log for programs, which holds nothing but JSON."""
    return bool(words) and words[0] in _SERVERS and not sys.stderr.isatty()
