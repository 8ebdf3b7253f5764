"""The program `ringline`: its commands, and how it ends."""

import contextlib
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError
from rich.console import Console

from ringline import __version__
from ringline.cli import call, demo, doctor, server, watch
from ringline.cli.keys import key_app, workspace_app
from ringline.cli.logs import log_like_a_command
from ringline.cli.outcome import DONE, FAILED, INTERRUPTED, MISUSED, say, sentence

app = App(
    name="ringline",
    help="A self-hosted realtime voice gateway: calls, their voices, and who watches them.\n\n"
    "`ringline dev` starts everything on this machine; `ringline COMMAND --help` tells more.",
    version=__version__,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
    help_format="markdown",
    result_action="return_value",
)
app.command(server.dev)
app.command(server.serve)
app.command(server.migrate)
app.command(workspace_app)
app.command(key_app)
app.command(watch.token)
app.command(watch.events)
app.command(call.call)
app.command(doctor.doctor)
app.command(demo.demo, show=False)  # `make demo` calls it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    log_like_a_command()
    try:
        result = app(
            sys.argv[1:] if arguments is None else list(arguments),
            exit_on_error=False,
            print_error=True,
            error_console=Console(stderr=True),
        )
    except CycloptsError:
        return MISUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        told = sentence(error)
        if not told:
            raise
        say(f"ringline: {told}")
        return FAILED
    return result if isinstance(result, int) else DONE
