"""The bounds of the console's routes: sign-ins, and what people send with them.

`limits.py` says what a row means.
"""

from ringline.domain.limit import KIB, Limit

_LATER = "429 `rate_limited` with `retry-after`"

CONSOLE_BODY_BYTES = Limit(
    "a body to `/console/api`, but for RPC and tickets", 16 * KIB, "bytes", "413"
)
SECRET_CHARACTERS = Limit(
    "the token of a link or an invitation, and a cookie", 128, "characters", "as a wrong one"
)
DOOR_BURST = Limit(
    "requests at once without a sign-in, of one network (IPv4 /24, IPv6 /64)",
    120,
    "requests",
    _LATER,
)
DOOR_PER_S = Limit("requests without a sign-in, of one network", 10, "requests/s", _LATER)
LINK_S = Limit("how long a one-time link waits", 900, "s", "401 `link_spent`")
LINK_MOST_S = Limit(
    "the most that `ringline console --ttl` takes", 86_400, "s", "the command ends with a sentence"
)
NAME_CHARACTERS = Limit("the name that a person chooses", 200, "characters", "400 `bad_request`")
PASSWORD_LEAST = Limit(
    "a new password, at least", 12, "characters", "400 `password_refused` with a sentence"
)
PASSWORD_MOST = Limit("a new password", 256, "characters", "400 `password_refused`")
HASHES_AT_ONCE = Limit("passwords that are hashed at once", 2, "passwords", "the others wait")
HASHES_WAITING = Limit("passwords that wait to be hashed", 16, "passwords", "503 `unavailable`")
TRIES = Limit(
    "tries of a password at once, of one email address or one network", 5, "tries", _LATER
)
TRY_S = Limit("another try after these, of the same address or network", 30, "s", _LATER)
SHARED_ADDRESSES = Limit(
    "workspaces in which one email address can sign in with a password",
    8,
    "workspaces",
    "the newer ones by link alone",
)
HEARD = Limit(
    "recordings that sign-ins have opened and that a process remembers",
    4_096,
    "recordings",
    "opening one that is forgotten is audited once more",
)
PEAKS_AT_ONCE = Limit(
    "recordings whose peaks are worked out at once", 2, "recordings", "the others wait"
)
SIGN_INS = Limit(
    "sign-ins of one person at once", 50, "sign-ins", "the one that would expire first ends"
)
ENDED_SIGN_INS_DAYS = Limit("sign-ins that have ended", 30, "days", "their rows are removed")

ROWS = (
    CONSOLE_BODY_BYTES,
    SECRET_CHARACTERS,
    DOOR_BURST,
    DOOR_PER_S,
    LINK_S,
    LINK_MOST_S,
    NAME_CHARACTERS,
    PASSWORD_LEAST,
    PASSWORD_MOST,
    HASHES_AT_ONCE,
    HASHES_WAITING,
    TRIES,
    TRY_S,
    SHARED_ADDRESSES,
    HEARD,
    PEAKS_AT_ONCE,
    SIGN_INS,
    ENDED_SIGN_INS_DAYS,
)
