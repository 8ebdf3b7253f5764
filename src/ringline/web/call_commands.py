"""The commands that a client of a call's WebSocket sends (live streams, 2.5).

They are carried out one after the other, so that `hold` and `resume` of one client mean what
they say, and answered in that sequence. Only a secret key commands: tokens are for watching.
The key is looked at again when a command's turn has come, so one that was revoked does nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from uuid import UUID

import structlog

from ringline.domain import v1_limits
from ringline.domain.call import Moment
from ringline.domain.unavailable import Unavailable
from ringline.ports import Clock, NewId
from ringline.rest.call_control_actions import obey
from ringline.rest.route import Refused
from ringline.services.call_control import CallControl
from ringline.services.calls import Calls
from ringline.services.credentials import Unrecognised
from ringline.services.repo import Repo
from ringline.web.buckets import Bucket
from ringline.web.watchers import Viewer, Watchers
from ringline.wire.call_commands import COMMANDS, Action, BadCommand, Command, read_command
from ringline.wire.envelope import command_error, command_result
from ringline.wire.errors import V1_ERRORS

_log = structlog.get_logger(__name__)

#: How long the end of a call waits for the answers to the commands that were sent before it.
LAST_S = 2.0


class Commands:
    """What commands of all call WebSockets are carried out with."""

    def __init__(
        self, watchers: Watchers, repo: Repo, *, calls: Calls, now: Clock, new_id: NewId
    ) -> None:
        self._watchers = watchers
        self._repo = repo
        self._calls = calls
        self.now = now
        self._new_id = new_id

    async def obey(self, command: Command, call_id: UUID, *, viewer: Viewer) -> None:
        """Carry out a command. Raises Refused, Unavailable and Unrecognised."""

        async def check() -> None:
            if not await self._watchers.admit(viewer):
                raise Unrecognised

        control = CallControl(self._repo.for_caller(check), self._calls, viewer.scope)
        moment = Moment(self.now(), self._new_id)
        await obey(command, call_id, control=control, moment=moment)


class CommandQueue:
    """The commands of one socket; `reply` sends an answer at once, whatever events wait."""

    def __init__(
        self, commands: Commands, viewer: Viewer, *, call_id: UUID, reply: Callable[[bytes], None]
    ) -> None:
        self._commands = commands
        self._viewer = viewer
        self._call_id = call_id
        self._reply = reply
        rate = v1_limits.COMMANDS_PER_S.most
        self._bucket = Bucket(rate, rate)
        self._waiting: deque[Command] = deque()
        #: Carries out what waits, while something does.
        self._working: asyncio.Task[None] | None = None
        self._when_idle: Callable[[], None] | None = None

    def take(self, frame: str) -> None:
        """Take a client's frame: answer it, or let it wait for its turn."""
        command = read_command(frame)
        if not self._bucket.left():
            self._refuse(command, "RATE_LIMITED", message="too many commands in a second")
            return
        self._bucket.take(1)
        if isinstance(command, BadCommand):
            self._refuse(command, "INVALID_ARGUMENT", message=command.message)
        elif not self._viewer.may_command and command.action is not Action.PING:
            self._refuse(command, "PERMISSION_DENIED", message="a token may only watch")
        elif len(self._waiting) >= v1_limits.WAITING_COMMANDS.most:
            self._refuse(command, "RATE_LIMITED", message="too many commands wait")
        else:
            self._waiting.append(command)
            if self._working is None:
                self._working = asyncio.create_task(self._work())

    @property
    def is_idle(self) -> bool:
        """Return whether all that was taken has been answered."""
        return self._working is None

    def when_idle(self, callback: Callable[[], None]) -> None:
        """Call back once when what was taken is answered, or after a bounded time."""
        self._when_idle = callback
        asyncio.get_running_loop().call_later(LAST_S, self._tell_idle)

    def close(self) -> None:
        """Carry out nothing more."""
        self._waiting.clear()
        self._when_idle = None
        if self._working is not None:
            self._working.cancel()

    async def _work(self) -> None:
        """Carry out what waits."""
        while self._waiting:
            await self._carry_out(self._waiting.popleft())
        self._working = None
        self._tell_idle()

    def _tell_idle(self) -> None:
        callback, self._when_idle = self._when_idle, None
        if callback is not None:
            callback()

    async def _carry_out(self, command: Command) -> None:
        try:
            await self._commands.obey(command, self._call_id, viewer=self._viewer)
        except Refused as refused:
            self._refuse(command, refused.code, message=refused.message)
        except Unrecognised:
            self._refuse(command, "UNAUTHENTICATED")
        except Unavailable:
            self._refuse(command, "UNAVAILABLE")
        except Exception as error:  # a bug ends only this command, and is logged
            _log.error("command_failed", error=type(error).__name__)
            self._refuse(command, "INTERNAL")
        else:
            status, now = COMMANDS[command.action].status, self._commands.now()
            self._reply(
                command_result(command.action, status, request_id=command.request_id, at=now)
            )

    def _refuse(
        self, command: Command | BadCommand, code: str, *, message: str | None = None
    ) -> None:
        error = command_error(
            code,
            message or V1_ERRORS[code].message,
            action=command.action,
            request_id=command.request_id,
            at=self._commands.now(),
        )
        self._reply(error)
