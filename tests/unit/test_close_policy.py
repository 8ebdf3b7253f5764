"""Every close code in the code has its row in the table for clients, and the other way round."""

import ast
from pathlib import Path

import pytest

import ringline
from ringline.web.call_socket import CLOSE_CODES
from ringline.wire import phoenix, phoenix_socket
from ringline.wire.close_policy import POLICIES, ROWS, Action, Socket
from ringline.wire.realtime_errors import END_CODES, ERRORS, Ends, error_of
from ringline.wire.websocket_reader import CloseCode

SOURCES = Path(ringline.__file__).parent
#: Without a close frame, and as the answer to the client's own.
LOST, NORMAL = 1006, 1000
#: The calls that close a socket, by name.
CLOSING = {"close", "say_goodbye", "refuse", "Disconnect", "close_frame", "PhoenixError"}

EVENTS = {
    phoenix.PhoenixError("").close_code,
    *(code for name, code in vars(phoenix_socket).items() if name.startswith("CLOSE_")),
    *(code for code in CloseCode if code is not CloseCode.UNSUPPORTED_DATA),
    NORMAL,
}
VOICE = {
    *(error.close_code for error in ERRORS.values() if error.ends is not Ends.NEVER),
    *(error_of(cause).close_code for cause in END_CODES),
    *CloseCode,
}


@pytest.mark.parametrize(
    ("socket", "codes"),
    [
        (Socket.EVENTS, EVENTS),
        (Socket.CALL, {*CLOSE_CODES.values(), *CloseCode}),
        (Socket.VOICE, VOICE),
    ],
)
def test_the_codes_of_each_socket_are_its_rows(socket: Socket, codes: set[int]) -> None:
    assert codes | {LOST} == set(POLICIES[socket])


def test_no_code_is_written_where_a_socket_is_closed() -> None:
    """They are names of the tables above, so that no code escapes them."""
    found: list[str] = []
    for path in [*SOURCES.glob("web/*.py"), *SOURCES.glob("legs/*.py"), *SOURCES.glob("wire/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            literals = [one for one in node.args if isinstance(one, ast.Constant)]
            if name in CLOSING and any(isinstance(one.value, int) for one in literals):
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


def test_each_row_is_listed_once_and_says_what_it_means() -> None:
    places = [(row.socket, row.code) for row in ROWS]
    assert places == sorted(set(places), key=lambda place: (list(Socket).index(place[0]), place[1]))
    for row in ROWS:
        assert row.why
        assert row.then
        assert (row.action is Action.WAIT) == (row.fresh or row.pause_s > 0), row
