"""The table of the console's routes (console, 5.1): what each is for, and whom it lets in.

The server, the documentation and the tests read it. `{environment}` is `live` or `test`.
"""

from dataclasses import dataclass

CONSOLE = "/console"
API = f"{CONSOLE}/api"
_ENVIRONMENT = "{environment:live|test}"


@dataclass(frozen=True, slots=True)
class ConsoleRoute:
    """A route: its method and its path below `/console/api`.

    `deed` is what a person's role must allow (`domain/permissions.py`), with the environment's
    name in it where that makes a difference; without one every member may. `anyone` needs no
    sign-in.
    """

    method: str
    path: str
    what: str
    anyone: bool = False
    deed: str = ""

    @property
    def pattern(self) -> str:
        """Return the whole path, as the router takes it."""
        return API + self.path.replace("{environment}", _ENVIRONMENT)

    @property
    def changes(self) -> bool:
        """Return whether a request must prove that a page of this server sends it."""
        return self.method != "GET"


HELLO = ConsoleRoute("GET", "/hello", "what the sign-in page offers", anyone=True)
FOLLOW_LINK = ConsoleRoute("POST", "/sign-in/link", "sign in with a one-time link", anyone=True)
SIGN_IN = ConsoleRoute("POST", "/sign-in/password", "sign in with a password", anyone=True)
SHOW_INVITATION = ConsoleRoute(
    "POST", "/invitations/show", "what an invitation offers, before it is accepted", anyone=True
)
JOIN = ConsoleRoute(
    "POST", "/invitations/accept", "join a team with an invitation, and sign in", anyone=True
)
ME = ConsoleRoute("GET", "/me", "who is signed in, and what they may do")
CHANGE_ME = ConsoleRoute("PATCH", "/me", "change one's name or password")
SIGN_INS = ConsoleRoute("GET", "/me/sign-ins", "one's devices that are signed in")
END_OTHERS = ConsoleRoute("DELETE", "/me/sign-ins", "end one's sign-ins on all other devices")
END_ONE = ConsoleRoute("DELETE", "/me/sign-ins/{id}", "end one of one's sign-ins")
SIGN_OUT = ConsoleRoute("POST", "/sign-out", "end this sign-in")
RUN = ConsoleRoute(
    "POST", "/{environment}/rpc/public/run", "run an action of RPC, as far as one's role may"
)
VALIDATE = ConsoleRoute(
    "POST", "/{environment}/rpc/public/validate", "validate an action of RPC without running it"
)
TOKEN = ConsoleRoute(
    "POST", "/{environment}/token", "mint a session token for `/socket` and the streams"
)
TICKETS = ConsoleRoute(
    "POST",
    "/{environment}/tickets",
    "mint a ticket, as `POST /v3/realtime-sessions`; `subject` is the person",
    deed="talk_in_{environment}",
)
RECORDING = ConsoleRoute(
    "GET",
    "/{environment}/calls/{id}/recording",
    "a call's recording as WAV, whole or a range",
    deed="hear_recordings",
)
PEAKS = ConsoleRoute(
    "GET",
    "/{environment}/calls/{id}/peaks",
    "how loud a recording is over time, to draw it",
    deed="hear_recordings",
)

ROUTES = (
    HELLO,
    FOLLOW_LINK,
    SIGN_IN,
    SHOW_INVITATION,
    JOIN,
    ME,
    CHANGE_ME,
    SIGN_INS,
    END_OTHERS,
    END_ONE,
    SIGN_OUT,
    RUN,
    VALIDATE,
    TOKEN,
    TICKETS,
    RECORDING,
    PEAKS,
)
